#include "graph/parameters.h"

#include <gtest/gtest.h>

#include <cstring>

#include "devices/cpu/thread_pool.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

constexpr const char* kMatmulOnly = "model.layers.1.mlp.down_proj.weight";
constexpr const char* kTied = "model.embed_tokens.weight";

Parameters make_parameters(Trainable trainable) {
  static const Graph graph = llama(tiny_llama_config(), {});
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
