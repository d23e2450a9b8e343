// Attention under FlashMask's masks: the formula in f64, and rows that nothing but what they see
// reaches.
#include <gtest/gtest.h>

#include "tests/kernels/attention/attention_case.h"
#include "tests/kernels/attention/cached_attention.h"
#include "tests/kernels/attention/mask_cases.h"

namespace troupe {
namespace {

using namespace attention_case;

template <class T>
class FlashMaskTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(FlashMaskTest, Types);

TYPED_TEST(FlashMaskTest, MatchesTheFormulaInDoublePrecisionForwardAndBackward) {
  constexpr bool kIsFloat = sizeof(TypeParam) == 4;
  for (const Heads& shape : {Heads{4, 2, 8}, Heads{3, 1, 10}, Heads{3, 1, 64}, Heads{1, 1, 256}})
    for (const int64_t n : {1, 67, 200})
      for (const auto& [name, mask] : all_masks(n)) {
        SCOPED_TRACE(name + " " + std::to_string(n));
        const Rows<TypeParam> rows(shape, n, 5);
        const Pack pack = masked_pack(mask);
        const auto output = run_attention(shape, rows, pack);
        const Exact exact(shape, rows, n, mask);
        EXPECT_LT(worst_error(output.out, exact.out), kIsFloat ? 2e-6 : 4e-3);
        EXPECT_LT(worst_error(output.log_sum_exp, exact.log_sum_exp), 2e-6);
        const auto g = run_gradient(shape, rows, output, pack);
        EXPECT_LT(worst_error(g.dq, exact.dq), kIsFloat ? 3e-5 : 3e-2);
        EXPECT_LT(worst_error(g.dk, exact.dk), kIsFloat ? 3e-5 : 3e-2);
        EXPECT_LT(worst_error(g.dv, exact.dv), kIsFloat ? 3e-5 : 3e-2);
      }
}

TYPED_TEST(FlashMaskTest, MatchesTheFormulaAcrossSpansThatARowDoesNotSee) {
  const Heads shape = {2, 1, 16};
  const int64_t n = 2150;
  for (const auto& mask : {sliding_window_mask(n, 100), qk_sparse_mask(n, {{{1500, 2150}}})}) {
    const Rows<TypeParam> rows(shape, n, 6);
    const auto output = run_attention(shape, rows, masked_pack(mask));
    const Exact exact(shape, rows, n, mask);
    EXPECT_LT(worst_error(output.out, exact.out), sizeof(TypeParam) == 4 ? 2e-6 : 4e-3);
    EXPECT_LT(worst_error(output.log_sum_exp, exact.log_sum_exp), 2e-6);
  }
}

TYPED_TEST(FlashMaskTest, AMaskThatHidesNothingHasThePlainBits) {
  const Heads shape = {9, 3, 64};
  const int64_t n = 300;
  const Rows<TypeParam> rows(shape, n, 7);
  const Pack plain = pack_of({n});
  const auto expected = run_attention(shape, rows, plain);
  const auto gradients = run_gradient(shape, rows, expected, plain);
  for (const auto& mask : {causal_mask(n), with_four_columns(causal_mask(n))}) {
    const Pack pack = masked_pack(mask);
    const auto output = run_attention(shape, rows, pack);
    EXPECT_TRUE(same_bits(output.out, expected.out));
    EXPECT_TRUE(same_bits(output.log_sum_exp, expected.log_sum_exp));
    const auto g = run_gradient(shape, rows, output, pack);
    EXPECT_TRUE(same_bits(g.dq, gradients.dq));
    EXPECT_TRUE(same_bits(g.dk, gradients.dk));
    EXPECT_TRUE(same_bits(g.dv, gradients.dv));
  }
}

// Documents of one sequence give the bits of a document alone only where key blocks fall alike, so
// lengths here are multiples of 64.
TYPED_TEST(FlashMaskTest, DocumentsHaveTheBitsOfSequencesOfTheirOwn) {
  const Heads shape = {4, 2, 32};
  const std::vector<int64_t> lengths = {128, 64, 192, 100};
  const Rows<TypeParam> rows(shape, 484, 8);
  const auto masked = run_attention(shape, rows, masked_pack(causal_document_mask(lengths)));
  const auto packed = run_attention(shape, rows, pack_of(lengths));
  EXPECT_TRUE(same_bits(masked.out, packed.out));
  EXPECT_TRUE(same_bits(masked.log_sum_exp, packed.log_sum_exp));
}

TYPED_TEST(FlashMaskTest, HasTheSameBitsInAnyPackOnAnyNumberOfThreads) {
  const std::vector<int64_t> lengths = {13, 1, 200, 64, 333};
  for (const Heads& shape : {Heads{9, 3, 64}, Heads{4, 2, 32}, Heads{3, 1, 10}}) {
    Rows<TypeParam> all;
    Pack pack;
    std::vector<Output<TypeParam>> alone;
    std::vector<Gradients<TypeParam>> gradients;
    for (size_t i = 0; i < lengths.size(); ++i) {
      const auto mask = random_mask(lengths[i], i % 2 ? 4 : 2, false, static_cast<uint32_t>(i));
      const Rows<TypeParam> rows(shape, lengths[i], static_cast<uint32_t>(10 * i));
      alone.push_back(run_attention(shape, rows, masked_pack(mask)));
      gradients.push_back(run_gradient(shape, rows, alone.back(), masked_pack(mask)));
      all.append(rows, shape, 0, lengths[i]);
      pack.append(std::vector<int32_t>(lengths[i]), with_four_columns(mask));
    }
    const BlockLists shared(pack, false);
    for (const int num_threads : {1, 2, 4}) {
      ThreadPool pool(num_threads);
      const auto* lists = num_threads == 2 ? &shared : nullptr;
      const auto packed = run_attention<TypeParam>(shape, all, pack, &pool, nullptr, 0, lists);
      const auto g = run_gradient(shape, all, packed, pack, &pool, lists);
      int64_t row = 0;
      for (size_t i = 0; i < lengths.size(); row += lengths[i++]) {
        EXPECT_TRUE(same_bits(alone[i].out, packed.out, row * shape.q_width())) << i;
        EXPECT_TRUE(same_bits(alone[i].log_sum_exp, packed.log_sum_exp, row * shape.heads)) << i;
        EXPECT_TRUE(same_bits(gradients[i].dq, g.dq, row * shape.q_width())) << i;
        EXPECT_TRUE(same_bits(gradients[i].dk, g.dk, row * shape.kv_width())) << i;
        EXPECT_TRUE(same_bits(gradients[i].dv, g.dv, row * shape.kv_width())) << i;
      }
    }
  }
}

// Causal masks, since a chunk cannot see keys that come later.
TYPED_TEST(FlashMaskTest, HasTheSameBitsInDecodeAndInChunksThroughACache) {
  const Heads shape = {4, 2, 32};
  const int64_t n = 1200;
  for (const auto& mask : {sliding_window_mask(n, 100), random_mask(n, 2, true, 3)}) {
    const std::vector<Rows<TypeParam>> sequences = {{shape, n, 1}};
    const auto whole = run_attention(shape, sequences[0], masked_pack(mask));
    for (const auto& steps : {std::vector<int64_t>{1}, {500}, {64, 1, 90}}) {
      const auto cached = through_cache(shape, sequences, steps, nullptr, {mask});
      EXPECT_TRUE(same_bits(whole.out, cached[0].out)) << steps[0];
      EXPECT_TRUE(same_bits(whole.log_sum_exp, cached[0].log_sum_exp)) << steps[0];
    }
  }
}

template <class T>
void poison(std::vector<T>& values, int64_t row, int64_t width, float with) {
  for (int64_t i = row * width; i < (row + 1) * width; ++i) {
    if constexpr (sizeof(T) == 4)
      values[i] = with;
    else
      values[i] = to_bf16(with);
  }
}

template <class T>
void expect_same_rows(const std::vector<T>& a, const std::vector<T>& b, int64_t width,
                      const std::vector<bool>& reached) {
  for (size_t row = 0; row < reached.size(); ++row) {
    const auto begin = a.begin() + static_cast<int64_t>(row) * width;
    const std::vector<T> part(begin, begin + width);
    EXPECT_TRUE(reached[row] || same_bits(part, b, static_cast<int64_t>(row) * width)) << row;
  }
}

TYPED_TEST(FlashMaskTest, KeysThatARowDoesNotSeeNeverReachIt) {
  const int64_t n = 150;
  for (const Heads& shape : {Heads{4, 2, 32}, Heads{3, 1, 64}})
    for (const auto& [name, mask] : all_masks(n))
      for (const float value : {NAN, INFINITY}) {
        SCOPED_TRACE(name);
        const Rows<TypeParam> clean(shape, n, 8);
        const Pack pack = masked_pack(mask);
        const auto expected = run_attention(shape, clean, pack);
        Rows<TypeParam> rows = clean;
        std::vector<bool> reached(n);
        for (const int64_t key : {3, 77, 149}) {
          poison(rows.k, key, shape.kv_width(), value);
          poison(rows.v, key, shape.kv_width(), value);
          const auto hidden = hidden_rows(mask, key, static_cast<int32_t>(key));
          for (int64_t row = 0; row < n; ++row)
            reached[row] = reached[row] || !hidden.contains(row);
        }
        const auto actual = run_attention(shape, rows, pack);
        expect_same_rows(actual.out, expected.out, shape.q_width(), reached);
        expect_same_rows(actual.log_sum_exp, expected.log_sum_exp, shape.heads, reached);
        const auto before = run_gradient(shape, clean, expected, pack);
        const auto after = run_gradient(shape, rows, actual, pack);
        expect_same_rows(after.dq, before.dq, shape.q_width(), reached);
      }
}

TYPED_TEST(FlashMaskTest, RowsThatDoNotSeeAKeyNeverReachItsGradient) {
  const Heads shape = {4, 2, 32};
  const int64_t n = 150;
  for (const auto& [name, mask] : all_masks(n)) {
    SCOPED_TRACE(name);
    const Rows<TypeParam> clean(shape, n, 9);
    const Pack pack = masked_pack(mask);
    const auto output = run_attention(shape, clean, pack);
    Rows<TypeParam> rows = clean;
    std::vector<bool> reached(n);
    for (const int64_t row : {0, 64, 100}) {
      poison(rows.d_out, row, shape.q_width(), NAN);
      for (int64_t key = 0; key < n; ++key)
        if (!hidden_rows(mask, key, static_cast<int32_t>(key)).contains(row)) reached[key] = true;
    }
    const auto before = run_gradient(shape, clean, output, pack);
    const auto after = run_gradient(shape, rows, output, pack);
    expect_same_rows(after.dk, before.dk, shape.kv_width(), reached);
    expect_same_rows(after.dv, before.dv, shape.kv_width(), reached);
  }
}

TYPED_TEST(FlashMaskTest, ARowThatSeesNoKeyIsZeroAndHasNoGradient) {
  const Heads shape = {4, 2, 32};
  const int64_t n = 70;
  FlashMask mask = causal_mask(n);
  std::fill(mask.startend_row_indices.begin(), mask.startend_row_indices.end(), 0);
  const Rows<TypeParam> rows(shape, n, 1);
  const auto output = run_attention(shape, rows, masked_pack(mask));
  const auto g = run_gradient(shape, rows, output, masked_pack(mask));
  for (const auto* values : {&output.out, &g.dq, &g.dk, &g.dv})
    for (const TypeParam x : *values) EXPECT_EQ(widen(x), 0);
  for (const float x : output.log_sum_exp) EXPECT_EQ(x, -INFINITY);
}

// What is visited, and which bits are looked at, is what the shared lists say: they are not derived
// again from the pack.
TYPED_TEST(FlashMaskTest, FollowsTheListsThatLayersShare) {
  const Heads shape = {4, 2, 32};
  const int64_t n = 300;
  const Rows<TypeParam> rows(shape, n, 2);
  const Pack windowed = masked_pack(sliding_window_mask(n, 40)), plain = pack_of({n});
  const BlockLists lists(windowed, false);
  const auto expected = run_attention(shape, rows, windowed);
  const auto output = run_attention<TypeParam>(shape, rows, plain, nullptr, nullptr, 0, &lists);
  EXPECT_TRUE(same_bits(output.out, expected.out));
  const auto g = run_gradient(shape, rows, output, plain, nullptr, &lists);
  EXPECT_TRUE(same_bits(g.dk, run_gradient(shape, rows, output, windowed).dk));
}

}  // namespace
}  // namespace troupe
