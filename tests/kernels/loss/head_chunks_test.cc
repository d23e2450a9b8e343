#include "kernels/loss/head_chunks.h"

#include <gtest/gtest.h>

#include "tests/kernels/loss/head_case.h"

namespace troupe {
namespace {

using namespace head_case;

class HeadChunksTest : public testing::TestWithParam<DType> {};

// 32 rows are a chunk here, so that the weight's gradient is added in several parts.
TEST_P(HeadChunksTest, ChunksChangeNoBit) {
  const int64_t tokens = 80, hidden = 16, vocab = int64_t{1} << 19;
  Problem p(tokens, hidden, vocab, GetParam(), 2);
  auto eager = p.eager();
  const auto gradients = eager.backward(head_log_prob, {p.d_log_prob, Values(), Values()});
  // The same in two packs, cut where a chunk ends.
  int64_t cut = 0;
  for (int count = 0; count < 32; ++cut) count += p.targets[cut] >= 0 && p.d_log_prob.at(cut) != 0;
  Values sum({vocab, hidden}, DType::f32);
  std::vector<std::byte> d_hidden;
  for (auto [begin, end] : {std::pair{int64_t{0}, cut}, {cut, tokens}}) {
    const std::vector<Values> inputs = {
        p.inputs[0].rows(begin, end), p.inputs[1],
        integer_values({p.targets.begin() + begin, p.targets.begin() + end})};
    const auto outputs = run_op(head_log_prob, inputs, p.attributes, {.pool = &p.pool});
    Values d({end - begin}, DType::f32);
    for (int64_t t = begin; t < end; ++t) d.set(t - begin, static_cast<float>(p.d_log_prob.at(t)));
    const auto part = run_op(head_log_prob_gradient,
                             {inputs[0], inputs[1], inputs[2], outputs[1], outputs[2], d, Values()},
                             p.attributes, {.pool = &p.pool}, &sum);
    sum = part[1];
    d_hidden.insert(d_hidden.end(), part[0].bytes.begin(), part[0].bytes.end());
  }
  EXPECT_EQ(d_hidden, gradients[0].bytes);
  EXPECT_EQ(sum.bytes, gradients[1].bytes);
}

TEST(HeadChunkRowsTest, AreWholeStepsOfTokensWithinBounds) {
  for (const int64_t vocab : {1, 20, 32000, 49152, 131072, 1 << 19, 1 << 24}) {
    const int64_t rows = head_chunk_rows(vocab);
    EXPECT_EQ(rows % kTokenStep, 0) << vocab;
    EXPECT_GE(rows, kTokenStep) << vocab;
    EXPECT_LE(rows, 512) << vocab;
    EXPECT_TRUE(rows == kTokenStep || rows * vocab <= int64_t{1} << 24) << vocab << " " << rows;
  }
}

TEST(HeadTargetsTest, AreIdsOrNone) {
  const int32_t targets[] = {-1, 0, 19, 20, -2};
  EXPECT_FALSE(has_target(targets, 0, 20));
  EXPECT_TRUE(has_target(targets, 1, 20));
  EXPECT_TRUE(has_target(targets, 2, 20));
  EXPECT_THROW(has_target(targets, 3, 20), Error);
  EXPECT_THROW(has_target(targets, 4, 20), Error);
}

INSTANTIATE_TEST_SUITE_P(Types, HeadChunksTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
