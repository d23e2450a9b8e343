#include "text/tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/byte_tokenizer.h"

namespace troupe {
namespace {

using Kind = PreTokenizerStep::Kind;
using Ids = std::vector<int32_t>;

// All 256 bytes (id == byte), then what the merges make, then two added tokens.
TokenizerSpec small_spec() {
  TokenizerSpec spec = byte_tokenizer_spec(0);
  spec.merges = {{"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {"Ġ", "hello"}, {"1", "2"}};
  for (const auto& [left, right] : spec.merges) spec.tokens.push_back(left + right);
  spec.pre_tokenizer = {{Kind::digits}, {Kind::gpt2}};
  spec.added_tokens.push_back({262, "<|end|>", true});
  spec.added_tokens.push_back({263, "<|end|>!", false});
  for (const AddedToken& token : spec.added_tokens) spec.tokens.push_back(token.content);
  return spec;
}

constexpr int32_t kHello = 259;
constexpr int32_t kSpaceHello = 260;
constexpr int32_t kEnd = 262;
constexpr int32_t kLongEnd = 263;

TEST(TokenizerTest, MergesBestRankFirst) {
  const Tokenizer tokenizer(small_spec());
  EXPECT_EQ(tokenizer.encode("hello hello"), (Ids{kHello, kSpaceHello}));
  EXPECT_EQ(tokenizer.encode("hell"), (Ids{258}));
  EXPECT_EQ(tokenizer.encode("lll"), (Ids{257, 'l'}));
}

TEST(TokenizerTest, SplitsDigitsOneByOne) {
  EXPECT_EQ(Tokenizer(small_spec()).encode("12"), (Ids{'1', '2'}));
  TokenizerSpec together = small_spec();
  together.pre_tokenizer = {{Kind::gpt2}};
  EXPECT_EQ(Tokenizer(together).encode("12"), (Ids{261}));
}

TEST(TokenizerTest, FindsTheLongestAddedToken) {
  const Tokenizer tokenizer(small_spec());
  EXPECT_EQ(tokenizer.encode("a<|end|>b"), (Ids{'a', kEnd, 'b'}));
  EXPECT_EQ(tokenizer.encode("<|end|>!"), (Ids{kLongEnd}));
  EXPECT_EQ(tokenizer.encode("<|end"), (Ids{'<', '|', 'e', 'n', 'd'}));
}

TEST(TokenizerTest, LeavesSpecialTokensAsTextUnlessAskedFor) {
  const Tokenizer tokenizer(small_spec());
  EXPECT_EQ(tokenizer.encode("<|end|>", false), (Ids{'<', '|', 'e', 'n', 'd', '|', '>'}));
  EXPECT_EQ(tokenizer.encode("<|end|>!", false), (Ids{kLongEnd}));
}

TEST(TokenizerTest, AddedTokensTakeWhiteSpaceWhereFlagged) {
  TokenizerSpec spec = small_spec();
  spec.added_tokens[0].lstrip = spec.added_tokens[0].rstrip = true;
  EXPECT_EQ(Tokenizer(spec).encode("a \n<|end|> \tb"), (Ids{'a', kEnd, 'b'}));
  spec = small_spec();
  spec.added_tokens[1].content = spec.tokens[263] = "dog";
  spec.added_tokens[1].single_word = true;
  EXPECT_EQ(Tokenizer(spec).encode("dog,dogs"), (Ids{kLongEnd, ',', 'd', 'o', 'g', 's'}));
}

TEST(TokenizerTest, LowercasesBeforeSplitting) {
  TokenizerSpec spec = small_spec();
  spec.normalizer = {{NormalizerStep::Kind::lowercase}};
  EXPECT_EQ(Tokenizer(spec).encode("HELLO<|end|>"), (Ids{kHello, kEnd}));
}

TEST(TokenizerTest, ComposesUnderNfc) {
  TokenizerSpec spec = small_spec();
  spec.normalizer = {{NormalizerStep::Kind::nfc}};
  EXPECT_EQ(Tokenizer(spec).encode("e\xCC\x81"), (Ids{0xC3, 0xA9}));
}

TEST(TokenizerTest, WholePiecesWinWhereMergesAreIgnored) {
  TokenizerSpec spec = small_spec();
  spec.tokens.push_back("world");
  EXPECT_EQ(Tokenizer(spec).encode("world").size(), 5);
  spec.ignore_merges = true;
  EXPECT_EQ(Tokenizer(spec).encode("world"), (Ids{264}));
}

TEST(TokenizerTest, DropsBytesThatTheVocabularyLacksUnlessUnkIsEmitted) {
  TokenizerSpec spec = small_spec();
  spec.tokens['x'].clear();
  EXPECT_EQ(Tokenizer(spec).encode("hexllo"), (Ids{kHello}));
  spec.emit_unk = true;
  spec.unk_id = '?';
  EXPECT_EQ(Tokenizer(spec).encode("axb"), (Ids{'a', '?', 'b'}));
}

TEST(TokenizerTest, DecodesIllFormedUtf8AsReplacementCharacters) {
  const Tokenizer tokenizer(byte_tokenizer_spec(0));
  EXPECT_EQ(tokenizer.decode(Ids{'a', 0xF0, 0x9F, 'b', 0xFF, 0xE2, 0x82}),
            "a\uFFFD"
            "b\uFFFD\uFFFD");
  EXPECT_EQ(tokenizer.decode(Ids{0xE2, 0x82, 0xAC}), "€");
  EXPECT_EQ(tokenizer.decode(Ids{0xED, 0xA0, 0x80}), "\uFFFD\uFFFD\uFFFD");  // a lone surrogate
}

TEST(TokenizerTest, SkipsOnlySpecialTokensWhenDecoding) {
  const Tokenizer tokenizer(small_spec());
  EXPECT_EQ(tokenizer.decode(Ids{kHello, kEnd, kLongEnd}, true), "hello<|end|>!");
  EXPECT_EQ(tokenizer.decode(Ids{kHello, kEnd}), "hello<|end|>");
}

TEST(TokenizerTest, RefusesIdsOutsideTheVocabulary) {
  const Tokenizer tokenizer(small_spec());
  EXPECT_THROW(tokenizer.decode(Ids{264}), Error);
  EXPECT_THROW(tokenizer.decode(Ids{-1}), Error);
}

TEST(TokenizerTest, NamesTheMergeThatTheVocabularyLacks) {
  TokenizerSpec spec = small_spec();
  spec.merges.push_back({"q", "z"});
  try {
    const Tokenizer tokenizer(spec);
    FAIL() << "expected an error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("\"qz\""), std::string::npos) << e.what();
  }
}

TEST(TokenizerTest, TakesALongWordInOnePiece) {
  const std::string word(200000, 'l');
  EXPECT_EQ(Tokenizer(small_spec()).encode(word), Ids(100000, 257));
}

TEST(StreamDecoderTest, HoldsBackTheBeginningOfACharacter) {
  const Tokenizer tokenizer(byte_tokenizer_spec(0));
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push(0x82), "");
  EXPECT_EQ(decoder.push(0xAC), "€");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push('a'), "\uFFFDa");
  EXPECT_EQ(decoder.push(0xC3), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
}

RC_GTEST_PROP(StreamDecoderTest, GivesWhatDecodeGives, ()) {
  const Tokenizer tokenizer(byte_tokenizer_spec(0));
  const auto bytes = *rc::gen::container<std::vector<uint8_t>>(
      rc::gen::element<uint8_t>('a', 0x80, 0x9F, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, 0xA0));
  const Ids ids(bytes.begin(), bytes.end());
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (int32_t id : ids) text += decoder.push(id);
  RC_ASSERT(text + decoder.finish() == tokenizer.decode(ids));
}

RC_GTEST_PROP(TokenizerTest, KeepsEveryByteOfAnyText, (const std::string& text)) {
  const Tokenizer tokenizer(small_spec());
  std::string bytes;
  for (int32_t id : tokenizer.encode(text)) bytes += tokenizer.token_bytes(id);
  RC_ASSERT(bytes == text);
}

TEST(ByteLevelTest, GoesThereAndBackForEveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    EXPECT_EQ(from_byte_level(to_byte_level(one)), one);
  }
  EXPECT_EQ(to_byte_level(" a\n"), "ĠaĊ");
  EXPECT_EQ(from_byte_level("漢"), std::nullopt);
}

}  // namespace
}  // namespace troupe
