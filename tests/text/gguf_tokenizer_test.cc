#include "text/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/temporary_folder.h"
#include "text/pre_tokenizer.h"

namespace troupe {
namespace {

using Pieces = std::vector<std::string>;

GgufTokenizerMetadata metadata(const std::string& pre) {
  GgufTokenizerMetadata metadata;
  metadata.model = "gpt2";
  metadata.pre = pre;
  metadata.tokens = {"a", "b", "ab", "<s>", "</s>", "word"};
  metadata.token_type = {1, 1, 1, 3, 3, 4};
  metadata.merges = {"a b"};
  metadata.bos_token_id = 3;
  metadata.eos_token_id = 4;
  return metadata;
}

Pieces split(const std::string& pre, const std::string& text) {
  std::deque<std::string> storage;
  const auto spec = tokenizer_spec_from_gguf(metadata(pre));
  const auto pieces = PreTokenizer(spec.pre_tokenizer).split(text, storage);
  return {pieces.begin(), pieces.end()};
}

TEST(GgufTokenizerTest, RowsDifferInHowTheyCutNumbers) {
  EXPECT_EQ(split("gpt-2", "a 12345"), (Pieces{"a", " 12345"}));
  EXPECT_EQ(split("smollm", "a 12345"), (Pieces{"a", " ", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(split("llama-bpe", "a 12345"), (Pieces{"a", " ", "123", "45"}));
  EXPECT_EQ(split("qwen2", "a 12345"), (Pieces{"a", " ", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(split("falcon", "a 12345"), (Pieces{"a", " ", "123", "45"}));
}

TEST(GgufTokenizerTest, RowsDifferInHowTheyCutWords) {
  EXPECT_EQ(split("llama-bpe", "fooBar I'LL"), (Pieces{"fooBar", " I", "'LL"}));
  EXPECT_EQ(split("gpt-2", "fooBar I'LL"), (Pieces{"fooBar", " I", "'", "LL"}));
  EXPECT_EQ(split("gpt-4o", "fooBar I'LL"), (Pieces{"foo", "Bar", " I'LL"}));
  EXPECT_EQ(split("bloom", "foo Bar, baz"), (Pieces{"foo", " Bar", ",", " baz"}));
}

TEST(GgufTokenizerTest, AMissingNameMeansLlamaCppsDefault) {
  EXPECT_EQ(split("", "a $12345"), split("default", "a $12345"));
  EXPECT_NE(split("", "a $12345"), split("gpt-2", "a $12345"));
}

TEST(GgufTokenizerTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const auto what = error_of([] { tokenizer_spec_from_gguf(metadata("smolm")); });
  EXPECT_NE(what.find("\"smolm\""), what.npos) << what;
  EXPECT_NE(what.find("smollm"), what.npos) << what;
}

TEST(GgufTokenizerTest, TokenTypesTellSpecialTokensFromWords) {
  const auto spec = tokenizer_spec_from_gguf(metadata("smollm"));
  ASSERT_EQ(spec.added_tokens.size(), 3);
  EXPECT_EQ(spec.added_tokens[0].content, "<s>");
  EXPECT_TRUE(spec.added_tokens[0].special);
  EXPECT_EQ(spec.added_tokens[2].content, "word");
  EXPECT_FALSE(spec.added_tokens[2].special);
}

TEST(GgufTokenizerTest, BosIsAddedWhereTheFileOrElseTheRowSaysSo) {
  EXPECT_FALSE(tokenizer_spec_from_gguf(metadata("smollm")).add_bos);
  EXPECT_TRUE(tokenizer_spec_from_gguf(metadata("llama-bpe")).add_bos);
  auto silent = metadata("llama-bpe");
  silent.add_bos_token = false;
  EXPECT_FALSE(tokenizer_spec_from_gguf(silent).add_bos);
}

TEST(GgufTokenizerTest, EosAndEndOfTurnEndAResponse) {
  auto two = metadata("smollm");
  two.eot_token_id = 5;
  EXPECT_EQ(tokenizer_spec_from_gguf(two).stop_ids, (std::vector<int32_t>{4, 5}));
  two.eot_token_id = 4;
  EXPECT_EQ(tokenizer_spec_from_gguf(two).stop_ids, (std::vector<int32_t>{4}));
}

TEST(GgufTokenizerTest, ValuesThatDoNotFitAreRefused) {
  auto sentencepiece = metadata("smollm");
  sentencepiece.model = "llama";
  EXPECT_THROW(tokenizer_spec_from_gguf(sentencepiece), Error);
  auto outside = metadata("smollm");
  outside.eos_token_id = 6;
  EXPECT_THROW(tokenizer_spec_from_gguf(outside), Error);
  auto short_types = metadata("smollm");
  short_types.token_type.pop_back();
  EXPECT_THROW(tokenizer_spec_from_gguf(short_types), Error);
  auto one_word = metadata("smollm");
  one_word.merges = {"ab"};
  EXPECT_THROW(tokenizer_spec_from_gguf(one_word), Error);
}

}  // namespace
}  // namespace troupe
