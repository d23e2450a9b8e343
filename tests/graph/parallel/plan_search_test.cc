#include "graph/parallel/plan_search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

// Llama 3.1 405B (arXiv 2407.21783, table 3).
LlamaConfig llama_405b() {
  LlamaConfig config;
  config.hidden_size = 16384;
  config.intermediate_size = 53248;
  config.num_hidden_layers = 126;
  config.num_attention_heads = 128;
  config.num_key_value_heads = 8;
  config.head_dim = 128;
  config.vocab_size = 128256;
  config.tie_word_embeddings = false;
  return config;
}

TrainingWork work_405b() {
  return {.model = llama_405b(),
          .batch_tokens = 16 << 20,
          .pack_tokens = 8192,
          .sequence_length = 8192,
          .tensor_slices = 8};
}

TEST(CostModelTest, CountsParametersAndFlopsAsPublished) {
  const auto model = llama_405b();
  const double all = 126 * layer_parameters(model) + 2 * vocabulary_parameters(model);
  EXPECT_NEAR(all / 1e9, 405.8, 0.1);
  // Six FLOPs for each parameter and token, and attention's own.
  const double flops = 3 * (126 * layer_flops(model, 8192) + head_flops(model));
  EXPECT_NEAR(flops / (6 * (all - vocabulary_parameters(model))), 1.04, 0.01);
}

TEST(CostModelTest, OneDeviceTakesItsFlopsAndNothingElse) {
  TrainingWork work = {.model = tiny_llama_config(),
                       .dtype = DType::f32,
                       .batch_tokens = 800,
                       .pack_tokens = 100,
                       .sequence_length = 50};
  const Hardware hardware = {.f32_flops = 1e9};
  const auto cost = cost_of(work, hardware, {});
  EXPECT_NEAR(cost.step_seconds, cost.flops / 1e9, 1e-9);
  EXPECT_EQ(cost.sent_bytes, 0);
  EXPECT_NEAR(cost.bubble, 0, 1e-12);
  const auto again = cost_of(work, hardware, {.recompute = Recompute::layer});
  EXPECT_NEAR(again.step_seconds / cost.step_seconds, 4.0 / 3, 1e-9);
  EXPECT_LT(again.bytes.activations, cost.bytes.activations);
  const auto attention = cost_of(work, hardware, {.recompute = Recompute::attention});
  EXPECT_GT(attention.step_seconds, cost.step_seconds);
  EXPECT_LT(attention.step_seconds, again.step_seconds);
  EXPECT_LT(attention.bytes.activations, cost.bytes.activations);
  EXPECT_GT(attention.bytes.activations, again.bytes.activations);
}

TEST(CostModelTest, SharingSavesWhatItShares) {
  const auto work = work_405b();
  Hardware hardware = hardware_named("h100-80gb");
  hardware.hosts = 128;
  const auto bytes = [&](Zero zero) {
    return cost_of(work, hardware, {.mesh = {16, 8, 8}, .zero = zero}).bytes;
  };
  const auto none = bytes(Zero::none);
  EXPECT_NEAR(bytes(Zero::optimizer).optimizer, none.optimizer / 8, 1);
  EXPECT_NEAR(bytes(Zero::weights).weights, none.weights / 8, 1);
  EXPECT_EQ(all_reduce_bytes(100, 4), 150);
  EXPECT_EQ(all_reduce_bytes(100, 1), 0);
}

TEST(PlanSearchTest, PlansA405BModelOn128HostsOfEight) {
  Hardware hardware = hardware_named("h100-80gb");
  hardware.hosts = 128;
  const auto search = search_plans(work_405b(), hardware);
  ASSERT_EQ(search.best.size(), 5u);
  const auto& best = search.best[0];
  EXPECT_EQ(best.choice.mesh.size(), 1024);
  EXPECT_EQ(best.choice.mesh.tensor, 8);  // as arXiv 2407.21783, table 4, has it
  EXPECT_GE(best.choice.mesh.pipeline, 8);
  EXPECT_LE(best.cost.bytes.total(), 80e9);
  for (size_t i = 1; i < search.best.size(); ++i)
    EXPECT_LE(search.best[i - 1].cost.step_seconds, search.best[i].cost.step_seconds);
  EXPECT_LT(search.num_rated, 5000);  // some milliseconds each at most
  EXPECT_FALSE(search.others.empty());
  for (const auto& plan : search.others) EXPECT_FALSE(plan.why_not.empty());
}

TEST(PlanSearchTest, SaysWhyDegreesCannotBe) {
  TrainingWork work = {.model = tiny_llama_config(),
                       .batch_tokens = 8000,
                       .pack_tokens = 100,
                       .sequence_length = 50,
                       .tensor_slices = 2};
  Hardware hardware = {.hosts = 2, .devices_per_host = 8};
  const auto search = search_plans(work, hardware);
  const auto ruled_out = [&](const std::string& text) {
    return std::ranges::find(search.ruled_out, text) != search.ruled_out.end();
  };
  EXPECT_TRUE(ruled_out("tensor 4: does not align with 2 slices (numerics.tensor_slices)"));
  EXPECT_TRUE(ruled_out("tensor 16: a host has 8 devices"));
  EXPECT_TRUE(ruled_out("data 16: does not align with 8 groups (numerics.data_slices)"));
  EXPECT_TRUE(ruled_out("pipeline 8: the model has 3 layers"));
}

TEST(PlanSearchTest, WhatDoesNotFitSaysWhichMemory) {
  Hardware hardware = {.memory_bytes = 1e3};
  const auto search = search_plans({.model = tiny_llama_config(),
                                    .batch_tokens = 1000,
                                    .pack_tokens = 100,
                                    .sequence_length = 50},
                                   hardware);
  EXPECT_TRUE(search.best.empty());
  ASSERT_FALSE(search.others.empty());
  EXPECT_EQ(search.others[0].why_not.find("does not fit: "), 0u) << search.others[0].why_not;
}

TEST(HardwareTest, ADescriptionGoesThroughJson) {
  const auto hardware = hardware_named("a100-80gb");
  EXPECT_EQ(to_json(hardware_from_json(to_json(hardware))), to_json(hardware));
  EXPECT_THROW(hardware_from_json("{}"), Error);
  EXPECT_THROW(hardware_named("abacus"), Error);
}

}  // namespace
}  // namespace troupe
