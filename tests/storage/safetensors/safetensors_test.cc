#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "storage/safetensors/reader.h"
#include "storage/safetensors/writer.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using ::testing::HasSubstr;

struct OwnedTensor {
  TensorHeader header;
  std::vector<std::byte> bytes;
  TensorView view() const { return {header.name, header.dtype, header.shape, bytes}; }
};

OwnedTensor make_tensor(const std::string& name, DType dtype, const Shape& shape, int salt = 0) {
  OwnedTensor tensor{{name, dtype, shape}, {}};
  for (size_t i = 0; i < num_elements(shape) * size_of(dtype); ++i)
    tensor.bytes.push_back(static_cast<std::byte>(i * 7 + salt));
  return tensor;
}

std::vector<TensorView> views(const std::vector<OwnedTensor>& tensors) {
  std::vector<TensorView> views;
  for (const auto& tensor : tensors) views.push_back(tensor.view());
  return views;
}

std::vector<OwnedTensor> three_tensors() {
  return {make_tensor("b", DType::bf16, {3}), make_tensor("a", DType::f32, {2, 3}, 5),
          make_tensor("empty", DType::i64, {0, 4})};
}

// A file with this JSON as its header, then `data` bytes.
std::string file_with_header(const TemporaryFolder& folder, const std::string& json, size_t data) {
  std::string bytes(8, '\0');
  const uint64_t length = json.size();
  std::memcpy(bytes.data(), &length, 8);
  const auto path = folder / "bad.safetensors";
  write_file(path, bytes + json + std::string(data, 'x'), false);
  return path;
}

void expect_same(const TensorView& a, const TensorView& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.dtype, b.dtype);
  EXPECT_EQ(a.shape, b.shape);
  EXPECT_TRUE(std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end())) << a.name;
}

RC_GTEST_PROP(SafetensorsTest, ReadsBackWhatItWrote, ()) {
  const TemporaryFolder folder;
  std::vector<OwnedTensor> tensors;
  const auto count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i) {
    const auto dtype = *rc::gen::element(DType::f32, DType::f16, DType::bf16, DType::f64,
                                         DType::i64, DType::i32, DType::u8);
    const auto shape =
        *rc::gen::container<Shape>(*rc::gen::inRange(0, 4), rc::gen::inRange<int64_t>(0, 5));
    tensors.push_back(make_tensor("t" + std::to_string(i * 37 % 11), dtype, shape, i));
  }
  const auto path = folder / "model.safetensors";
  const auto hash = write_safetensors(path, views(tensors), false);
  const SafetensorsFile file(path);
  RC_ASSERT(hash == xxh3(file.bytes()));
  RC_ASSERT(file.metadata().at("format") == "pt");
  RC_ASSERT(file.tensors().size() == tensors.size());
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.header.name < b.header.name; });
  for (size_t i = 0; i < tensors.size(); ++i) expect_same(file.tensors()[i], tensors[i].view());
}

TEST(SafetensorsTest, BytesDependNeitherOnOrderNorOnRepetition) {
  const TemporaryFolder folder;
  auto tensors = three_tensors();
  write_safetensors(folder / "one", views(tensors), true);
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(folder / "two", views(tensors), false);
  EXPECT_EQ(read_file(folder / "one"), read_file(folder / "two"));
  EXPECT_EQ(read_file(folder / "one").find("{\"__metadata__\":{\"format\":\"pt\"}"), 8u);
}

TEST(SafetensorsTest, KeepsEveryTensorAlignedToItsElements) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m",
                    views({make_tensor("a", DType::u8, {3}), make_tensor("b", DType::f64, {1}),
                           make_tensor("c", DType::bf16, {1})}),
                    false);
  const SafetensorsFile file(folder / "m");
  for (const auto& tensor : file.tensors())
    EXPECT_EQ((tensor.bytes.data() - file.bytes().data()) % size_of(tensor.dtype), 0u)
        << tensor.name;
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m", views(three_tensors()), false);
  const auto whole = read_file(folder / "m");
  for (size_t size = 0; size < whole.size(); ++size) {
    rewrite(folder / "cut", whole.substr(0, size));
    EXPECT_THAT(error_of([&] { SafetensorsFile file(folder / "cut"); }), HasSubstr("cut")) << size;
  }
}

TEST(SafetensorsTest, SurvivesEveryCorruptedHeaderByte) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m", views(three_tensors()), false);
  const auto whole = read_file(folder / "m");
  const size_t header = whole.size() - 3 * 2 - 6 * 4;
  int refused = 0;
  for (size_t i = 0; i < header; ++i)
    for (int flip : {0x01, 0x10, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      rewrite(folder / "flipped", bytes);
      size_t found = 0;
      const auto error = error_of([&] {
        const SafetensorsFile file(folder / "flipped");
        for (const auto& tensor : file.tensors()) found += tensor.bytes.size();
      });
      refused += !error.empty();
      EXPECT_TRUE(!error.empty() || found == 3 * 2 + 6 * 4) << i << ' ' << flip;
    }
  EXPECT_GT(refused, static_cast<int>(header));
}

struct BadHeader {
  const char* json;
  size_t data;
  const char* message;
};

TEST(SafetensorsTest, NamesFileAndTensorOfABadHeader) {
  const TemporaryFolder folder;
  const BadHeader cases[] = {
      {R"([])", 0, "not a JSON object"},
      {R"({"w": 3})", 0, "tensor w: expected an object"},
      {R"({"w": {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}})", 1,
       "tensor w: unsupported dtype \"F8\""},
      {R"({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4,
       "tensor w: \"shape\" has -1"},
      {R"({"w": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}})", 4,
       "tensor w: \"shape\" has 1.5"},
      {R"({"w": {"dtype": "F32", "shape": [1]}})", 4,
       "tensor w: expected an array \"data_offsets\""},
      {R"({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4, "two ascending"},
      {R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 4,
       "tensor w: truncated"},
      {R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", 4,
       "F32 [2] takes 8 bytes"},
      {R"({"w": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})", 0,
       "absurdly large"},
      {R"({"w": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})", 2,
       "tensor w: there is a gap"},
      {R"({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})", 2,
       "1 bytes after the last tensor"},
      {R"({"v": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, "w": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}})",
       3, "tensor w: its bytes overlap"},
      {R"({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})",
       1, "\"w\" twice"},
      {R"({"__metadata__": {"a": 1}})", 0, "__metadata__: \"a\": expected text"}};
  for (const auto& bad : cases) {
    const auto path = file_with_header(folder, bad.json, bad.data);
    const auto error = error_of([&] { SafetensorsFile file(path); });
    EXPECT_THAT(error, HasSubstr(path)) << bad.json;
    EXPECT_THAT(error, HasSubstr(bad.message)) << bad.json;
  }
}

TEST(SafetensorsTest, SaysWhichFileIsNotThere) {
  EXPECT_THAT(error_of([] { SafetensorsFile file("/nowhere/model.safetensors"); }),
              HasSubstr("cannot open /nowhere/model.safetensors: No such file or directory"));
}

TEST(SafetensorsTest, SaysWhenTheDiskIsFull) {
  EXPECT_THAT(error_of([] {
                const std::string bytes(1 << 20, 'x');
                write_file("/dev/full", bytes, false);
              }),
              HasSubstr("cannot write /dev/full: No space left on device"));
}

TEST(SafetensorsWriterTest, RefusesTwoTensorsOfOneNameAndWrongSizes) {
  const TemporaryFolder folder;
  const auto twice =
      std::vector{make_tensor("a", DType::u8, {1}), make_tensor("a", DType::u8, {1})};
  EXPECT_THAT(error_of([&] { write_safetensors(folder / "m", views(twice), false); }),
              HasSubstr("\"a\" is taken"));
  SafetensorsWriter writer(folder / "m", {{"a", DType::f32, {2}}});
  EXPECT_THAT(error_of([&] { writer.finish(false); }), HasSubstr("next_ == tensors_.size()"));
  EXPECT_THAT(error_of([&] { writer.append(std::vector<std::byte>(7)); }),
              HasSubstr("expected = 8"));
}

const std::string kSharded = std::string(TROUPE_SOURCE_DIR) + "/tests/golden/models/llama_sharded";

TEST(SafetensorsFolderTest, ReadsShardsThatAnotherToolWrote) {
  const SafetensorsFolder folder(kSharded);
  EXPECT_EQ(folder.tensors().size(),
            read_json_file(kSharded + "/model.safetensors.index.json")["weight_map"].size());
  EXPECT_EQ(folder.at("lm_head.weight").shape, (Shape{128, 32}));
  EXPECT_EQ(folder.find("nobody.weight"), nullptr);
  EXPECT_THAT(error_of([&] { folder.at("nobody.weight"); }), HasSubstr("no tensor nobody.weight"));
}

TEST(SafetensorsFolderTest, RefusesAnIndexThatDisagreesWithItsFiles) {
  const TemporaryFolder folder;
  write_safetensors(folder / "x.safetensors", views(three_tensors()), false);
  const auto error_with = [&](const nlohmann::json& weight_map) {
    write_file(folder / "model.safetensors.index.json",
               nlohmann::json{{"weight_map", weight_map}}.dump(), false);
    return error_of([&] { SafetensorsFolder read(folder.path()); });
  };
  const std::string x = "x.safetensors";
  EXPECT_EQ(error_with({{"a", x}, {"b", x}, {"empty", x}}), "");
  EXPECT_THAT(error_with({{"a", x}, {"b", x}}),
              HasSubstr("tensor empty of x.safetensors is missing"));
  EXPECT_THAT(error_with({{"a", x}, {"b", x}, {"empty", x}, {"c", x}}),
              HasSubstr("tensor c is not in x.safetensors"));
  EXPECT_THAT(error_with({{"a", "../x.safetensors"}}), HasSubstr("expected a file name"));
  EXPECT_THAT(error_with({{"a", "y.safetensors"}}), HasSubstr("cannot open"));
  EXPECT_THAT(error_with(3), HasSubstr("\"weight_map\""));
}

}  // namespace
}  // namespace troupe
