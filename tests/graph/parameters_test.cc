#include "graph/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "devices/cpu/thread_pool.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

constexpr const char* kMatmulOnly = "model.layers.1.mlp.down_proj.weight";
constexpr const char* kTied = "model.embed_tokens.weight";

Parameters make_parameters(Trainable trainable, DType dtype = DType::f32) {
  const Graph graph = llama(tiny_llama_config(), {.dtype = dtype});
  const Graph* graphs[] = {&graph};
  return Parameters(graphs, trainable);
}

TEST(ParametersTest, FrozenMatmulWeightsKeepTheirPanelsAlone) {
  ThreadPool pool(1);
  auto parameters = make_parameters(Trainable::no);
  for (const char* name : {kMatmulOnly, kTied}) {
    auto& parameter = parameters.at(name);
    const std::vector<float> values(static_cast<size_t>(parameter.size()), 3.0f);
    parameters.set(name, values, pool);
    float first = 0;
    std::memcpy(&first, parameter.packed->forward().panel(0), sizeof first);
    EXPECT_EQ(first, 3.0f) << name;
  }
  EXPECT_EQ(parameters.at(kMatmulOnly).master.num_bytes(), 0u);
  EXPECT_EQ(parameters.at(kTied).values()[0], 3.0f);  // the embedding reads its rows
}

// Blocks of Q8_0 for matrices, whose codes count up; other weights are ones.
WeightBlocks counting_blocks(const Shape& shape) {
  if (shape.size() < 2) {
    const std::vector<float> ones(static_cast<size_t>(shape[0]), 1.0f);
    const auto bytes = std::as_bytes(std::span(ones));
    return {BlockType::f32, {bytes.begin(), bytes.end()}};
  }
  WeightBlocks blocks = {BlockType::q8_0, {}};
  blocks.bytes.resize(static_cast<size_t>(block_bytes(BlockType::q8_0, shape)));
  for (size_t i = 0; i < blocks.bytes.size(); ++i)
    blocks.bytes[i] = static_cast<std::byte>(i % 34 == 0 ? 0 : i % 34 == 1 ? 0x3c : i % 251);
  return blocks;
}

TEST(ParametersTest, NativeWeightsStayInTheirBlocks) {
  ThreadPool pool(1);
  auto config = tiny_llama_config();
  config.intermediate_size = 64;
  const Graph graph = llama(config, {});
  const Graph* graphs[] = {&graph};
  Parameters parameters(graphs, Trainable::no, WeightFormat::native);
  parameters.read_blocks(
      [&](const std::string& name) { return counting_blocks(parameters.at(name).shape); }, pool);
  for (const char* name : {kMatmulOnly, kTied}) {
    const auto& parameter = parameters.at(name);
    EXPECT_EQ(parameter.master.num_bytes() + parameter.table.num_bytes(), 0u) << name;
    EXPECT_EQ(parameter.packed, nullptr) << name;
    std::vector<float> row(static_cast<size_t>(parameter.shape[1]));
    parameter.quantized->dequantize_row(0, row.data());
    for (size_t i = 0; i < 32; ++i) EXPECT_EQ(row[i], static_cast<float>(i + 2)) << name;
  }
  EXPECT_EQ(parameters.at("model.norm.weight").values()[3], 1.0f);
}

std::span<const std::byte> packed_bytes_of(const Parameter& parameter) {
  if (!parameter.packed) return {};
  return parameter.packed->forward().bytes();
}

std::span<const std::byte> table_bytes_of(const Parameter& parameter) {
  return {parameter.table.as<const std::byte>(), parameter.table.num_bytes()};
}

// In parts, on threads: as if all values were changed first, and then all layouts made.
// In parts, on threads: as if all values were changed first, and then all layouts made.
void expect_update_to_refresh(DType dtype) {
  ThreadPool one(1), three(3);
  auto expected = make_parameters(Trainable::yes, dtype);
  auto found = make_parameters(Trainable::yes, dtype);
  for (auto& [name, parameter] : found.all()) {
    std::vector<float> before(static_cast<size_t>(parameter.size()), 1.0f), after = before;
    for (size_t i = 0; i < after.size(); ++i) after[i] = 0.001f * static_cast<float>(i) - 3;
    found.set(name, before, one);
    expected.set(name, after, one);
    Parameters::update(
        parameter,
        [&, values = parameter.values()](int64_t begin, int64_t end) {
          std::copy(after.begin() + begin, after.begin() + end, values.begin() + begin);
        },
        three);
    const auto& other = expected.at(name);
    EXPECT_TRUE(std::ranges::equal(parameter.values(), other.values())) << name;
    EXPECT_TRUE(std::ranges::equal(packed_bytes_of(parameter), packed_bytes_of(other))) << name;
    EXPECT_TRUE(std::ranges::equal(table_bytes_of(parameter), table_bytes_of(other))) << name;
  }
}

TEST(ParametersTest, AnUpdateRefreshesEachPartsLayouts) {
  for (const DType dtype : {DType::f32, DType::bf16}) expect_update_to_refresh(dtype);
}

TEST(ParametersTest, TrainedMatmulWeightsKeepTheirMaster) {
  ThreadPool pool(1);
  auto parameters = make_parameters(Trainable::yes);
  auto& parameter = parameters.at(kMatmulOnly);
  parameters.set(kMatmulOnly, std::vector<float>(static_cast<size_t>(parameter.size()), 3.0f),
                 pool);
  EXPECT_EQ(parameter.values().back(), 3.0f);
}

}  // namespace
}  // namespace troupe
