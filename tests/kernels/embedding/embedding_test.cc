#include "kernels/embedding/embedding.h"

#include <gtest/gtest.h>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

class EmbeddingTest : public testing::TestWithParam<DType> {};

TEST_P(EmbeddingTest, LooksRowsUpAndAddsTheirGradientsInTokenOrder) {
  const int64_t vocab = 7, hidden = 37;
  const Pack pack = random_pack({20, 9}, vocab);
  const Values table = random_values({vocab, hidden}, GetParam(), 1);
  const Values dy = random_values({29, hidden}, GetParam(), 2);
  EagerGradients eager(embedding, {table}, {}, {.pack = &pack});
  const auto& y = eager.outputs()[0];
  const auto& gradient = eager.backward(embedding, {dy}, 0.25f)[0];
  std::vector<float> expected(vocab * hidden, 0.25f);
  for (int64_t t = 0; t < 29; ++t)
    for (int64_t c = 0; c < hidden; ++c) {
      ASSERT_EQ(y.at(t * hidden + c), table.at(pack.token_ids[t] * hidden + c));
      expected[pack.token_ids[t] * hidden + c] += static_cast<float>(dy.at(t * hidden + c));
    }
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(gradient.as<float>()[i], expected[i]) << i;
}

TEST_P(EmbeddingTest, HasTheSameBitsOnAnyNumberOfThreads) {
  const int64_t vocab = 50, hidden = 100;
  const Pack pack = random_pack({500}, vocab);
  const Values table = random_values({vocab, hidden}, GetParam(), 1);
  const Values dy = random_values({500, hidden}, GetParam(), 2);
  EagerGradients alone(embedding, {table}, {}, {.pack = &pack});
  const auto expected = alone.backward(embedding, {dy})[0].bytes;
  for (int threads : {2, 3}) {
    ThreadPool pool(threads);
    EagerGradients eager(embedding, {table}, {}, {.pool = &pool, .pack = &pack});
    EXPECT_EQ(eager.outputs()[0].bytes, alone.outputs()[0].bytes);
    EXPECT_EQ(eager.backward(embedding, {dy})[0].bytes, expected);
  }
}

TEST(EmbeddingErrorTest, RefusesAnIdBeyondTheTable) {
  Pack pack;
  pack.append(std::vector<int32_t>{0, 5});
  EXPECT_THROW(run_op(embedding, {random_values({5, 8}, DType::f32, 1)}, {}, {.pack = &pack}),
               Error);
}

INSTANTIATE_TEST_SUITE_P(Types, EmbeddingTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
