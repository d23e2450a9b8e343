#include "storage/gguf/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/file.h"
#include "tests/storage/gguf/gguf_builder.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using ::testing::HasSubstr;

// What reading these bytes as a file named "m.gguf" says.
std::string error_with(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", bytes, false);
  return error_of([&] { GgufFile file(folder / "m.gguf"); });
}

GgufBuilder small(uint32_t version = 3) {
  GgufBuilder builder(version);
  const auto nested = GgufBuilder::raw(9u) + GgufBuilder::raw(uint64_t{2}) +  // two arrays
                      GgufBuilder::raw(5u) + GgufBuilder::raw(uint64_t{1}) + GgufBuilder::raw(-7) +
                      GgufBuilder::raw(8u) + GgufBuilder::raw(uint64_t{1}) + GgufBuilder::text("x");
  builder.word("name", "tiny")
      .number("count", 42)
      .real("eps", 1e-5f)
      .value("yes", 7, "\1")
      .value("nested", 9, nested);
  builder.tensor("norm", {3}, 0, floats({1, 2, 3}));
  builder.tensor("matrix", {32, 2}, 8, std::string(2 * 34, '\1'));
  return builder;
}

TEST(GgufTest, ReadsMetadataAndTensorsOfVersions2And3) {
  for (uint32_t version : {2u, 3u}) {
    const TemporaryFolder folder;
    write_file(folder / "m.gguf", small(version).build(), false);
    const GgufFile file(folder / "m.gguf");
    EXPECT_EQ(file.version(), static_cast<int>(version));
    EXPECT_EQ(file.metadata(), (nlohmann::json{{"name", "tiny"},
                                               {"count", 42},
                                               {"eps", 1e-5},
                                               {"yes", true},
                                               {"nested", {{-7}, {"x"}}}}));
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_EQ(file.find("matrix")->shape, (Shape{2, 32}));
    EXPECT_EQ(file.find("matrix")->type, BlockType::q8_0);
    EXPECT_EQ(file.find("matrix")->bytes.size(), 68u);
    EXPECT_EQ(std::memcmp(file.find("norm")->bytes.data(), floats({1, 2, 3}).data(), 12), 0);
    EXPECT_EQ(file.find("nobody"), nullptr);
  }
}

TEST(GgufTest, ReadsEveryNumberType) {
  const auto raw = [](auto value) { return GgufBuilder::raw(value); };
  GgufBuilder builder;
  builder.value("u8", 0, raw(uint8_t{200}))
      .value("i8", 1, raw(int8_t{-2}))
      .value("u16", 2, raw(uint16_t{60000}));
  builder.value("i16", 3, raw(int16_t{-300}))
      .value("i32", 5, raw(-70000))
      .value("u64", 10, raw(uint64_t{1} << 60));
  builder.value("i64", 11, raw(int64_t{-5})).value("f64", 12, raw(0.1));
  const TemporaryFolder folder;
  write_file(folder / "m", builder.build(), false);
  EXPECT_EQ(GgufFile(folder / "m").metadata(), (nlohmann::json{{"u8", 200},
                                                               {"i8", -2},
                                                               {"u16", 60000},
                                                               {"i16", -300},
                                                               {"i32", -70000},
                                                               {"u64", uint64_t{1} << 60},
                                                               {"i64", -5},
                                                               {"f64", 0.1}}));
}

TEST(GgufTest, NamesAMissingOrMistypedKey) {
  const TemporaryFolder folder;
  write_file(folder / "m.gguf", small().build(), false);
  const GgufFile file(folder / "m.gguf");
  EXPECT_EQ(file.get<int>("count"), 42);
  EXPECT_EQ(file.get<int>("absent", 3), 3);
  EXPECT_THAT(error_of([&] { file.get<int>("absent"); }), HasSubstr("\"absent\" is missing"));
  EXPECT_THAT(error_of([&] { file.get<int>("name"); }), HasSubstr("metadata \"name\""));
}

TEST(GgufTest, RefusesEveryTruncation) {
  const auto whole = small().build();
  for (size_t size = 0; size < whole.size() - 32; ++size)
    EXPECT_THAT(error_with(whole.substr(0, size)), HasSubstr("m.gguf")) << size;
}

TEST(GgufTest, SurvivesEveryCorruptedHeaderByte) {
  const auto whole = small().build();
  const TemporaryFolder folder;
  int refused = 0;
  for (size_t i = 0; i < whole.size() - 32 - 96; ++i)
    for (int flip : {0x01, 0x10, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      rewrite(folder / "m.gguf", bytes);
      refused += !error_of([&] {
                    const GgufFile file(folder / "m.gguf");
                    for (const auto& tensor : file.tensors())
                      CHECK(tensor.bytes.size() ==
                            static_cast<size_t>(block_bytes(tensor.type, tensor.shape)));
                  }).empty();
    }
  EXPECT_GT(refused, 100);
}

TEST(GgufTest, NamesTheTensorAndTypeThatItCannotRead) {
  EXPECT_THAT(error_with(GgufBuilder().tensor("blk.0.w", {256}, 13, std::string(176, 'x')).build()),
              HasSubstr("tensor blk.0.w: unsupported type Q5_K"));
  EXPECT_THAT(error_with(GgufBuilder().tensor("w", {256}, 99, "").build()),
              HasSubstr("type number 99"));
}

TEST(GgufTest, NamesWhatIsWrong) {
  const auto raw = [](auto value) { return GgufBuilder::raw(value); };
  EXPECT_THAT(error_with("GGML" + raw(3u)), HasSubstr("not a GGUF file"));
  EXPECT_THAT(error_with("GGUF" + raw(1u)), HasSubstr("GGUF version 1"));
  EXPECT_THAT(error_with("GGUF" + raw(0x03000000u)), HasSubstr("big-endian"));
  EXPECT_THAT(error_with("GGUF" + raw(3u) + raw(uint64_t{1} << 60) + raw(uint64_t{0})),
              HasSubstr("absurd count:"));
  EXPECT_THAT(error_with("GGUF" + raw(3u) + raw(uint64_t{0}) + raw(~uint64_t{0})),
              HasSubstr("absurd count:"));
  EXPECT_THAT(error_with(GgufBuilder().value("list", 9, raw(4u) + raw(uint64_t{1} << 40)).build()),
              HasSubstr("metadata \"list\": truncated, or an absurd count"));
  EXPECT_THAT(error_with(GgufBuilder().value("k", 77, "").build()),
              HasSubstr("metadata \"k\": unknown value type 77"));
  EXPECT_THAT(error_with(GgufBuilder().number("k", 1).number("k", 2).build()),
              HasSubstr("\"k\": there twice"));
  EXPECT_THAT(error_with(GgufBuilder().number("general.alignment", 24).build()),
              HasSubstr("a power of two"));
  EXPECT_THAT(error_with(GgufBuilder().tensor("w", {33}, 8, "").build()),
              HasSubstr("tensor w: rows of 33"));
  EXPECT_THAT(error_with(GgufBuilder().tensor("w", {0}, 0, "").build()),
              HasSubstr("tensor w: absurd size 0"));
  EXPECT_THAT(error_with(GgufBuilder().tensor("w", {1ull << 40, 1ull << 40}, 0, "").build()),
              HasSubstr("absurd size"));
  EXPECT_THAT(error_with(GgufBuilder().tensor("w", {99}, 0, "xxxx").build()),
              HasSubstr("tensor w: truncated"));
  EXPECT_THAT(
      error_with(GgufBuilder().tensor("a", {1}, 0, "xxxx").tensor("a", {1}, 0, "xxxx").build()),
      HasSubstr("tensor a: there twice"));
  EXPECT_THAT(
      error_with(GgufBuilder().tensor("a", {16}, 0, "xxxx").tensor("b", {1}, 0, "xxxx").build()),
      HasSubstr("tensor b: its bytes overlap those of a"));
}

TEST(GgufTest, RefusesArraysNestedWithoutEnd) {
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += GgufBuilder::raw(9u) + GgufBuilder::raw(uint64_t{1});
  EXPECT_THAT(error_with(GgufBuilder().value("deep", 9, nested).build()),
              HasSubstr("nested deeper"));
}

}  // namespace
}  // namespace troupe
