// Soft-capped scores, ALiBi and sinks, forward and backward, alone and together.
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/kernels/attention/attention_case.h"
#include "tests/kernels/attention/cached_attention.h"
#include "tests/kernels/attention/mask_cases.h"

namespace troupe {
namespace {

using namespace attention_case;

template <class T>
class AttentionScoreTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(AttentionScoreTest, Types);

const std::vector<float> kSlopes = {0.5f, 0.25f, 0.125f, 0.0625f}, kSinks = {0, -3, 2.5f, 40};

std::vector<Heads> all_scores(int kv_heads, int head_dim) {
  std::vector<Heads> shapes;
  for (const float cap : {0.0f, 1.5f, 30.0f})
    for (const bool has_slopes : {false, true})
      for (const bool has_sinks : {false, true})
        shapes.push_back({4, kv_heads, head_dim, cap, has_slopes ? kSlopes : std::vector<float>(),
                          has_sinks ? kSinks : std::vector<float>()});
  return shapes;
}

template <class T>
std::vector<float> run_sink_gradient(const Heads& shape, const Rows<T>& rows,
                                     const Output<T>& output, ThreadPool* pool = nullptr) {
  std::vector<float> gradient(shape.heads);
  const Tensor inputs[] = {tensor(rows.d_out, shape.q_width()),
                           tensor(output.out, shape.q_width()),
                           tensor(output.log_sum_exp, shape.heads),
                           {const_cast<float*>(shape.sinks.data()), DType::f32, {shape.heads}}};
  const Tensor outputs[] = {{gradient.data(), DType::f32, {shape.heads}}};
  attention_sink_gradient.cpu({inputs, outputs, shape.attributes(), {pool}});
  return gradient;
}

TYPED_TEST(AttentionScoreTest, MatchesTheFormulaInDoublePrecision) {
  constexpr bool kIsFloat = sizeof(TypeParam) == 4;
  for (const int head_dim : {10, 64})
    for (const Heads& shape : all_scores(2, head_dim))
      for (const int64_t n : {1, 150}) {
        SCOPED_TRACE(testing::Message() << shape.soft_cap << " " << shape.alibi_slopes.size() << " "
                                        << shape.sinks.size() << " " << n);
        for (const auto& mask : {FlashMask(), full_mask(n), random_mask(n, 4, false, 1)}) {
          const Rows<TypeParam> rows(shape, n, 5);
          const Pack pack = mask.empty() ? pack_of({n}) : masked_pack(mask);
          const auto output = run_attention(shape, rows, pack);
          const Exact exact(shape, rows, n, mask);
          EXPECT_LT(worst_error(output.out, exact.out), kIsFloat ? 4e-6 : 4e-3);
          EXPECT_LT(worst_error(output.log_sum_exp, exact.log_sum_exp), 4e-6);
          const auto g = run_gradient(shape, rows, output, pack);
          EXPECT_LT(worst_error(g.dq, exact.dq), kIsFloat ? 3e-5 : 3e-2);
          EXPECT_LT(worst_error(g.dk, exact.dk), kIsFloat ? 3e-5 : 3e-2);
          EXPECT_LT(worst_error(g.dv, exact.dv), kIsFloat ? 3e-5 : 3e-2);
          if (shape.sinks.empty()) continue;
          const auto d_sinks = run_sink_gradient(shape, rows, output);
          EXPECT_LT(worst_error(d_sinks, exact.d_sinks), kIsFloat ? 1e-4 : 3e-2);
        }
      }
}

TYPED_TEST(AttentionScoreTest, HasTheSameBitsInDecodeAndChunksOnAnyNumberOfThreads) {
  const Heads shape = {4, 2, 32, 20, kSlopes, kSinks};
  const std::vector<Rows<TypeParam>> sequences = {{shape, 1100, 1}, {shape, 70, 2}};
  Rows<TypeParam> all;
  for (const auto& rows : sequences)
    all.append(rows, shape, 0, static_cast<int64_t>(rows.q.size()) / shape.q_width());
  const auto packed = run_attention(shape, all, pack_of({1100, 70}));
  for (const int num_threads : {1, 3}) {
    ThreadPool pool(num_threads);
    for (const auto& steps : {std::vector<int64_t>{1}, {64, 1, 90}}) {
      const auto cached = through_cache(shape, sequences, steps, &pool);
      EXPECT_TRUE(same_bits(cached[0].out, packed.out)) << steps[0];
      EXPECT_TRUE(same_bits(cached[1].out, packed.out, 1100 * shape.q_width())) << steps[0];
      EXPECT_TRUE(same_bits(cached[0].log_sum_exp, packed.log_sum_exp)) << steps[0];
    }
    const auto one = run_sink_gradient(shape, all, packed);
    EXPECT_TRUE(same_bits(one, run_sink_gradient(shape, all, packed, &pool)));
  }
}

TYPED_TEST(AttentionScoreTest, ARowThatSeesOnlyTheSinkIsZero) {
  const Heads shape = {4, 2, 32, 0, {}, kSinks};
  FlashMask mask = causal_mask(3);
  std::fill(mask.startend_row_indices.begin(), mask.startend_row_indices.end(), 0);
  const auto output = run_attention(shape, Rows<TypeParam>(shape, 3, 1), masked_pack(mask));
  for (const TypeParam x : output.out) EXPECT_EQ(widen(x), 0);
  for (size_t i = 0; i < output.log_sum_exp.size(); ++i)
    EXPECT_NEAR(output.log_sum_exp[i], kSinks[i % 4], 1e-5);
}

// The hand-written derivative that the kernels are held to, against differences of its own forward.
TEST(ExactAttentionTest, GradientsAreFiniteDifferences) {
  const Heads shape = {2, 1, 8, 3, {0.5f, 0.25f}, {0.5f, -1}};
  const int64_t n = 9;
  const auto mask = random_mask(n, 4, false, 2);
  const Rows<float> rows(shape, n, 3);
  const Exact exact(shape, rows, n, mask);
  const auto loss = [&](const Heads& s, const Rows<float>& r) {
    const Exact e(s, r, n, mask);
    double sum = 0;
    for (size_t i = 0; i < e.out.size(); ++i) sum += e.out[i] * r.d_out[i];
    return sum;
  };
  const auto slope = [&](auto&& moved) {  // moved(by) -> the loss
    return (moved(0x1p-10f) - moved(-0x1p-10f)) / 0x1p-9;
  };
  const auto expect = [&](std::vector<float> Rows<float>::*values,
                          const std::vector<double>& gradient) {
    for (size_t i = 0; i < gradient.size(); ++i)
      EXPECT_NEAR(slope([&](float by) {
                    Rows<float> r = rows;
                    (r.*values)[i] = std::round((r.*values)[i] * 0x1p16f) * 0x1p-16f + by;
                    return loss(shape, r);
                  }),
                  gradient[i], 2e-4 * (1 + std::abs(gradient[i])))
          << i;
  };
  expect(&Rows<float>::q, exact.dq);
  expect(&Rows<float>::k, exact.dk);
  expect(&Rows<float>::v, exact.dv);
  for (int h = 0; h < 2; ++h)
    EXPECT_NEAR(slope([&](float by) {
                  Heads s = shape;
                  s.sinks[h] += by;
                  return loss(s, rows);
                }),
                exact.d_sinks[h], 1e-4);
}

TEST(AttentionScoreOpTest, RefusesSlopesAndSinksOfAnotherNumberOfHeads) {
  const Shape shapes[] = {{kTokens, 32}, {kTokens, 16}, {kTokens, 16}, {4}};
  EXPECT_NO_THROW(infer_shapes(attention, Heads{4, 2, 8}.attributes(), shapes));
  const Shape wrong[] = {{kTokens, 32}, {kTokens, 16}, {kTokens, 16}, {2}};
  EXPECT_THROW(infer_shapes(attention, Heads{4, 2, 8}.attributes(), wrong), Error);
  EXPECT_THROW(infer_shapes(attention, Heads{4, 2, 8, 0, {1, 2}}.attributes(), shapes), Error);
  EXPECT_THROW(infer_shapes(attention, Heads{4, 2, 8, -1}.attributes(), shapes), Error);
}

}  // namespace
}  // namespace troupe
