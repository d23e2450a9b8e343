// Accuracy against f64; everything else is equality of bits.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "tests/kernels/attention/attention_case.h"
#include "tests/kernels/attention/cached_attention.h"

namespace troupe {
namespace {

using namespace attention_case;

template <class T>
class AttentionTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(AttentionTest, Types);

constexpr Heads kShapes[] = {{4, 2, 8},  {1, 1, 16},  {4, 2, 32}, {9, 3, 64},
                             {5, 1, 80}, {2, 2, 128}, {3, 1, 10}, {64, 1, 16}};

TYPED_TEST(AttentionTest, MatchesTheFormulaInDoublePrecision) {
  for (const Heads& shape : kShapes) {
    for (const int64_t length : {1, 13, 64, 150}) {
      const Rows<TypeParam> rows(shape, length, 5);
      const auto output = run_attention(shape, rows, pack_of({length}));
      const Exact exact(shape, rows, length);
      EXPECT_LT(worst_error(output.out, exact.out), sizeof(TypeParam) == 4 ? 2e-6 : 4e-3)
          << shape.head_dim << " " << length;
      EXPECT_LT(worst_error(output.log_sum_exp, exact.log_sum_exp), 2e-6)
          << shape.head_dim << " " << length;
    }
  }
}

TYPED_TEST(AttentionTest, MatchesTheFormulaAcrossSpansOf1024Keys) {
  const Heads shape = {2, 1, 16};
  const int64_t length = 2150;
  const Rows<TypeParam> rows(shape, length, 6);
  const auto output = run_attention(shape, rows, pack_of({length}));
  const Exact exact(shape, rows, length);
  EXPECT_LT(worst_error(output.out, exact.out), sizeof(TypeParam) == 4 ? 2e-6 : 4e-3);
  EXPECT_LT(worst_error(output.log_sum_exp, exact.log_sum_exp), 2e-6);
}

TYPED_TEST(AttentionTest, HasTheSameBitsInDecodeChunksAndPacksOnAnyNumberOfThreads) {
  const std::vector<int64_t> lengths = {1, 7, 64, 65, 200, 333};
  for (const Heads& shape : {Heads{9, 3, 64}, Heads{4, 2, 32}, Heads{3, 1, 10}}) {
    std::vector<Rows<TypeParam>> sequences;
    Rows<TypeParam> all;
    std::vector<Output<TypeParam>> alone;
    for (const int64_t length : lengths) {
      const auto& rows = sequences.emplace_back(shape, length, static_cast<uint32_t>(length));
      all.append(rows, shape, 0, length);
      alone.push_back(run_attention(shape, rows, pack_of({length})));
    }
    for (const int num_threads : {1, 2, 3}) {
      ThreadPool pool(num_threads);
      const auto packed = run_attention(shape, all, pack_of(lengths), &pool);
      int64_t row = 0;
      for (size_t i = 0; i < lengths.size(); row += lengths[i++]) {
        EXPECT_TRUE(same_bits(alone[i].out, packed.out, row * shape.q_width())) << i;
        EXPECT_TRUE(same_bits(alone[i].log_sum_exp, packed.log_sum_exp, row * shape.heads)) << i;
      }
      for (const auto& steps : {std::vector<int64_t>{1}, {1000}, {150, 1, 13, 64, 77}}) {
        const auto cached = through_cache(shape, sequences, steps, &pool);
        for (size_t i = 0; i < lengths.size(); ++i) {
          EXPECT_TRUE(same_bits(alone[i].out, cached[i].out)) << i << " " << steps.size();
          EXPECT_TRUE(same_bits(alone[i].log_sum_exp, cached[i].log_sum_exp)) << i;
        }
      }
    }
  }
}

TYPED_TEST(AttentionTest, HasTheSameBitsInChunksAcrossSpansOf1024Keys) {
  const Heads shape = {2, 1, 16};
  const int64_t length = 2200;
  const std::vector<Rows<TypeParam>> sequences = {{shape, length, 1}};
  const auto whole = run_attention(shape, sequences[0], pack_of({length}));
  for (const auto& steps : {std::vector<int64_t>{1000}, {1, 90}}) {
    const auto cached = through_cache(shape, sequences, steps, nullptr);
    EXPECT_TRUE(same_bits(whole.out, cached[0].out)) << steps[0];
    EXPECT_TRUE(same_bits(whole.log_sum_exp, cached[0].log_sum_exp)) << steps[0];
  }
}

TYPED_TEST(AttentionTest, KeysThatARowDoesNotSeeNeverReachIt) {
  const float not_a_number = std::numeric_limits<float>::quiet_NaN();
  for (const Heads& shape : {Heads{4, 2, 32}, Heads{9, 3, 64}, Heads{2, 2, 8}}) {
    for (const int64_t length : {13, 100}) {
      const Rows<TypeParam> clean(shape, length, 8);
      const auto expected = run_attention(shape, clean, pack_of({length}));
      Rows<TypeParam> rows = clean;
      const int64_t first_bad = length - 5;
      for (auto* values : {&rows.k, &rows.v})
        for (size_t i = first_bad * shape.kv_width(); i < values->size(); ++i) {
          TypeParam& value = (*values)[i];
          if constexpr (sizeof(TypeParam) == 4) {
            value = not_a_number;
          } else {
            value = to_bf16(not_a_number);
          }
        }
      auto actual = run_attention(shape, rows, pack_of({length}));
      EXPECT_TRUE(std::isnan(widen(actual.out.back())));
      actual.out.resize(first_bad * shape.q_width());
      actual.log_sum_exp.resize(first_bad * shape.heads);
      EXPECT_TRUE(same_bits(actual.out, expected.out)) << shape.head_dim << " " << length;
      EXPECT_TRUE(same_bits(actual.log_sum_exp, expected.log_sum_exp)) << shape.head_dim;
    }
  }
}

TYPED_TEST(AttentionTest, WhatAFreedBlockHeldDoesNotReachItsNextSequence) {
  const Heads shape = {4, 2, 32};
  Rows<TypeParam> bad(shape, 64, 1);
  const TypeParam quiet = [] {
    if constexpr (sizeof(TypeParam) == 4)
      return std::numeric_limits<float>::quiet_NaN();
    else
      return to_bf16(std::numeric_limits<float>::quiet_NaN());
  }();
  std::fill(bad.k.begin(), bad.k.end(), quiet);
  std::fill(bad.v.begin(), bad.v.end(), quiet);
  KeyValueCache cache(1, shape.kv_heads, shape.head_dim, kDType<TypeParam>, 1);
  const CacheView view = {&cache, {{*cache.allocate()}}};
  run_attention<TypeParam>(shape, bad, pack_of({64}), nullptr, &view);
  const Rows<TypeParam> good(shape, 13, 2);
  const auto reused = run_attention(shape, good, pack_of({13}), nullptr, &view);
  const auto fresh = run_attention(shape, good, pack_of({13}));
  EXPECT_TRUE(same_bits(reused.out, fresh.out));
  EXPECT_TRUE(same_bits(reused.log_sum_exp, fresh.log_sum_exp));
}

TEST(AttentionOpTest, RefusesPositionsThatNoCacheHolds) {
  const Heads shape = {2, 1, 8};
  const Rows<float> rows(shape, 4, 1);
  Pack pack;
  append_tokens(pack, 3, 4);
  EXPECT_THROW(run_attention(shape, rows, pack), Error);
}

TEST(AttentionOpTest, RefusesABlockTableThatIsTooShortOrHoldsAFreeBlock) {
  const Heads shape = {2, 1, 8};
  const Rows<float> rows(shape, 70, 1);
  KeyValueCache cache(1, 1, 8, DType::f32, 3);
  CacheView view = {&cache, {{*cache.allocate()}}};
  EXPECT_THROW(run_attention(shape, rows, pack_of({70}), nullptr, &view), Error);
  view.block_tables[0].push_back(2);
  EXPECT_THROW(run_attention(shape, rows, pack_of({70}), nullptr, &view), Error);
  view.block_tables[0][1] = *cache.allocate();
  EXPECT_NO_THROW(run_attention(shape, rows, pack_of({70}), nullptr, &view));
}

TEST(AttentionOpTest, InfersShapesAndNamesWidthsThatDisagree) {
  const Shape good[] = {{kTokens, 8}, {kTokens, 4}, {kTokens, 4}};
  const Attributes attributes = Heads{4, 2, 2}.attributes();
  EXPECT_THROW(infer_shapes(attention, attributes, good), Error);  // head_dim below 8
  const Shape shapes[] = {{kTokens, 32}, {kTokens, 16}, {kTokens, 16}};
  const auto outputs = infer_shapes(attention, Heads{4, 2, 8}.attributes(), shapes);
  EXPECT_EQ(outputs, (std::vector<Shape>{{kTokens, 32}, {kTokens, 4}}));
  EXPECT_THROW(infer_shapes(attention, Heads{4, 1, 8}.attributes(), shapes), Error);
}

}  // namespace
}  // namespace troupe
