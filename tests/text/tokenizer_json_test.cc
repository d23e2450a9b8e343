#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "text/byte_tokenizer.h"
#include "text/tokenizer.h"

namespace troupe {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

json small_file() {
  return json::parse(R"({
    "added_tokens": [{"id": 6, "content": "<end>", "special": true}],
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"String": "-"}, "behavior": "Removed", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"h": 0, "e": 1, "l": 2, "he": 3, "ll": 4, "Ġ": 5},
              "merges": [["h", "e"], "l l"]}})");
}

std::string refusal(const json& file) {
  return error_of([&] { parse_tokenizer_json(file); });
}

TEST(TokenizerJsonTest, ASmallFileMeansWhatHfMeansByIt) {
  const Tokenizer tokenizer(parse_tokenizer_json(small_file()));
  EXPECT_EQ(tokenizer.encode("HE-ll he<end>"), (Ids{3, 4, 5, 3, 6}));
  EXPECT_EQ(tokenizer.decode(Ids{3, 4, 5, 3, 6}), "hell he<end>");
  EXPECT_EQ(tokenizer.decode(Ids{3, 6}, true), "he");
}

TEST(TokenizerJsonTest, WhatIsNotSupportedIsNamed) {
  auto file = small_file();
  file["model"]["type"] = "Unigram";
  EXPECT_NE(refusal(file).find("Unigram"), std::string::npos) << refusal(file);
  file = small_file();
  file["model"]["byte_fallback"] = true;
  EXPECT_NE(refusal(file).find("byte_fallback"), std::string::npos) << refusal(file);
  file = small_file();
  file["normalizer"]["type"] = "StripAccents";
  EXPECT_NE(refusal(file).find("StripAccents"), std::string::npos) << refusal(file);
  file = small_file();
  file["decoder"]["type"] = "Metaspace";
  EXPECT_NE(refusal(file).find("Metaspace"), std::string::npos) << refusal(file);
  file = small_file();
  file["pre_tokenizer"] = {{"type", "Whitespace"}};
  EXPECT_NE(refusal(file).find("Whitespace"), std::string::npos) << refusal(file);
}

TEST(TokenizerJsonTest, TwoTokensMayNotShareAnId) {
  auto file = small_file();
  file["added_tokens"][0]["id"] = 3;
  const auto what = refusal(file);
  EXPECT_NE(what.find("\"he\""), what.npos) << what;
  EXPECT_NE(what.find("\"<end>\""), what.npos) << what;
}

TEST(TokenizerJsonTest, MergesMayBePairsOrTextWithOneSpace) {
  auto file = small_file();
  file["model"]["merges"][1] = "l  l";
  EXPECT_NE(refusal(file).find("l  l"), std::string::npos) << refusal(file);
}

TEST(TokenizerJsonTest, NeighbouringFilesSayWhatEndsAResponse) {
  const TemporaryFolder folder;
  rewrite(folder / "tokenizer.json", small_file().dump());
  rewrite(folder / "tokenizer_config.json",
          R"({"eos_token": {"content": "<end>"}, "chat_template": "config"})");
  rewrite(folder / "generation_config.json", R"({"eos_token_id": [6, 4]})");
  auto spec = read_tokenizer_json(folder.path());
  EXPECT_EQ(spec.eos_id, 6);
  EXPECT_EQ(spec.stop_ids, (Ids{6, 4}));
  EXPECT_EQ(spec.chat_template, "config");
  rewrite(folder / "chat_template.jinja", "file");
  EXPECT_EQ(read_tokenizer_json(folder.path()).chat_template, "file");
}

TEST(TokenizerJsonTest, ADamagedFileIsNamedWithItsPath) {
  const TemporaryFolder folder;
  EXPECT_THROW(read_tokenizer_json(folder.path()), Error);
  rewrite(folder / "tokenizer.json", small_file().dump().substr(0, 100));
  const auto what = error_of([&] { read_tokenizer_json(folder.path()); });
  EXPECT_NE(what.find(folder / "tokenizer.json"), what.npos) << what;
}

TEST(TokenizerJsonTest, TheByteTokenizerSurvivesItsJson) {
  const TemporaryFolder folder;
  write_tokenizer_json(byte_tokenizer_spec('\n'), folder.path());
  const auto spec = read_tokenizer_json(folder.path());
  EXPECT_EQ(spec.tokens, byte_tokenizer_spec('\n').tokens);
  EXPECT_EQ(spec.eos_id, '\n');
  EXPECT_EQ(spec.stop_ids, (Ids{'\n'}));
  const Tokenizer tokenizer(spec);
  std::string every_byte;
  Ids ids;
  for (int byte = 0; byte < 256; ++byte) {
    every_byte += static_cast<char>(byte);
    ids.push_back(byte);
  }
  EXPECT_EQ(tokenizer.encode(every_byte), ids);
}

TEST(TokenizerJsonTest, EverySettingSurvivesWritingAndReading) {
  const TemporaryFolder folder;
  auto spec = parse_tokenizer_json(small_file());
  spec.eos_id = 6;
  spec.stop_ids = {6};
  spec.chat_template = "{{ messages }}";
  write_tokenizer_json(spec, folder.path());
  const auto again = read_tokenizer_json(folder.path());
  EXPECT_EQ(again.tokens, spec.tokens);
  EXPECT_EQ(again.merges, spec.merges);
  EXPECT_EQ(again.chat_template, spec.chat_template);
  ASSERT_EQ(again.pre_tokenizer.size(), spec.pre_tokenizer.size());
  EXPECT_EQ(again.pre_tokenizer[0].behavior, SplitBehavior::removed);
  EXPECT_EQ(Tokenizer(again).encode("HE-ll he<end>"), (Ids{3, 4, 5, 3, 6}));
}

}  // namespace
}  // namespace troupe
