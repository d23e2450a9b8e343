#include "graph/training/scoring.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

std::unique_ptr<StageModel> tiny_model(ThreadPool& pool, Trainable trainable,
                                       DType dtype = DType::f32) {
  StageOptions options;
  options.model.dtype = dtype;
  options.trainable = trainable;
  auto model = std::make_unique<StageModel>(tiny_llama_config(), options, pool);
  model->load(lively_weights(tiny_llama_config()));
  return model;
}

std::vector<std::vector<int32_t>> rows_of_many_lengths() {
  std::vector<std::vector<int32_t>> rows;
  for (int i = 0; i < 12; ++i) rows.push_back(some_ids(1 + i * 29 % 90, i));
  return rows;
}

TEST(ScoringTest, RowsGetTheSameBitsInAnyPack) {
  ThreadPool pool(2);
  for (DType dtype : {DType::f32, DType::bf16}) {
    const auto model = tiny_model(pool, Trainable::no, dtype);
    const auto rows = rows_of_many_lengths();
    const auto together = next_log_probs(*model, rows, 10000);
    ASSERT_EQ(together.size(), rows.size());
    for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(together[i].size(), rows[i].size() - 1);
    EXPECT_EQ(next_log_probs(*model, rows, 1), together);
    EXPECT_EQ(next_log_probs(*model, rows, 100), together);
  }
}

TEST(ScoringTest, TheLossIsTheMeanOverTheTargetsOfAllPacks) {
  ThreadPool pool(1);
  const auto model = tiny_model(pool, Trainable::no);
  const auto rows = rows_of_many_lengths();
  std::vector<LabelledPack> packs;
  for (const auto& row : rows) packs.push_back(next_token_targets(row));
  double sum = 0, count = 0;
  for (const auto& row : next_log_probs(*model, rows))
    for (float value : row) sum -= value, ++count;
  EXPECT_NEAR(mean_cross_entropy(*model, packs), sum / count, 1e-6);
}

TEST(ScoringTest, AStepAgainstTheGradientLowersTheLossByItsNorm) {
  ThreadPool pool(1);
  const auto model = tiny_model(pool, Trainable::yes);
  std::vector<LabelledPack> packs;
  for (int i = 1; i < 4; ++i) packs.push_back(next_token_targets(some_ids(9 * i, i)));
  const double before = mean_cross_entropy_with_gradients(*model, packs);
  double squares = 0;
  for (const auto& [name, value] : model->gradient_squares()) squares += value;
  const float step = 1e-4f / static_cast<float>(squares);
  for (const auto& name : model->gradients().weight_names()) {
    auto& parameter = model->parameters().at(name);
    const auto gradient = model->gradients().sum(name);
    std::vector<float> moved(parameter.values().begin(), parameter.values().end());
    for (size_t i = 0; i < moved.size(); ++i) moved[i] -= step * gradient[i];
    model->parameters().set(name, moved, pool);
  }
  EXPECT_NEAR(before - mean_cross_entropy(*model, packs), 1e-4, 3e-6);
}

TEST(ScoringTest, RefusesRowsWithoutTokensAndPacksWithoutTargets) {
  ThreadPool pool(1);
  const auto model = tiny_model(pool, Trainable::no);
  EXPECT_THROW(next_token_targets({}), Error);
  const std::vector<LabelledPack> packs = {next_token_targets(some_ids(1, 1))};
  EXPECT_THROW(mean_cross_entropy(*model, packs), Error);
}

}  // namespace
}  // namespace troupe
