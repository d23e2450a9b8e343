#include "actors/model/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/model/model_source.h"
#include "storage/file.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using ::testing::HasSubstr;

std::string golden(const std::string& model) {
  return std::string(TROUPE_SOURCE_DIR) + "/tests/golden/models/" + model;
}

void expect_same_weights(const std::string& one, const std::string& other) {
  const auto a = ModelSource::open(one), b = ModelSource::open(other);
  ASSERT_EQ(a.weight_names(), b.weight_names());
  for (const auto& name : a.weight_names()) {
    EXPECT_EQ(a.shape(name), b.shape(name)) << name;
    EXPECT_EQ(a.read_f32(name), b.read_f32(name)) << name;
  }
}

TEST(ConvertTest, KeepsEveryWeightInF32) {
  for (const auto* model : {"llama", "llama_rope_linear", "llama_sharded"}) {
    const TemporaryFolder folder;
    const auto result = convert_model(golden(model), folder / "out");
    EXPECT_EQ(result.files, 1);
    expect_same_weights(golden(model), folder / "out");
    EXPECT_FALSE(std::filesystem::exists(folder / "out.partial"));
  }
}

TEST(ConvertTest, CutsFilesAtTheSizeAndWritesAnIndex) {
  const TemporaryFolder folder;
  const auto result = convert_model(golden("llama"), folder / "out/", {DType::f32, 20000});
  EXPECT_GT(result.files, 4);
  expect_same_weights(golden("llama"), folder / "out");
  const auto index = read_json_file(folder / "out/model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], 26784 * 4);
  EXPECT_EQ(index["weight_map"]["lm_head.weight"].get<std::string>().substr(0, 11), "model-00001");
}

TEST(ConvertTest, WritesBf16RoundedAndSaysSoInTheConfig) {
  const TemporaryFolder folder;
  convert_model(golden("llama"), folder / "out", {DType::bf16});
  const auto before = ModelSource::open(golden("llama")), after = ModelSource::open(folder / "out");
  EXPECT_EQ(after.config()["torch_dtype"], "bfloat16");
  EXPECT_EQ(after.weight("model.norm.weight").type, BlockType::bf16);
  const auto exact = before.read_f32("lm_head.weight"), rounded = after.read_f32("lm_head.weight");
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_EQ(rounded[i], to_float(to_bf16(exact[i])));
  convert_model(golden("llama_sharded"), folder / "new", {DType::bf16});
  EXPECT_EQ(ModelSource::open(folder / "new").config()["dtype"], "bfloat16");
}

TEST(ConvertTest, LeavesAFullFolderAlone) {
  const TemporaryFolder folder;
  rewrite(folder / "mine", "x");
  EXPECT_THAT(error_of([&] { convert_model(golden("llama"), folder.path()); }),
              HasSubstr("is there already"));
  EXPECT_EQ(read_file(folder / "mine"), "x");
}

}  // namespace
}  // namespace troupe
