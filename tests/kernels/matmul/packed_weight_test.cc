#include "kernels/matmul/packed_weight.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/kernels/matmul/matmul_data.h"

namespace troupe {
namespace {

using namespace testing_data;

// Element `at` of the summed dimension in column `column`.
float element(const Panels& panels, DType dtype, int64_t at, int64_t column) {
  const int per_word = dtype == DType::f32 ? 1 : 2;
  const uint32_t word =
      panels.panel(column / kPanelWidth)[at / per_word * kPanelWidth + column % kPanelWidth];
  if (dtype == DType::f32) return std::bit_cast<float>(word);
  return to_float({static_cast<uint16_t>(at % 2 == 0 ? word & 0xffff : word >> 16)});
}

// Every place of the panels, what lies beyond the weight included.
void expect_panels(const PackedWeight& packed, const Matrix& w, ThreadPool& pool) {
  const int per_word = packed.dtype() == DType::f32 ? 1 : 2;
  const Panels& forward = packed.forward();
  const Panels& transposed = packed.transposed(pool);
  ASSERT_EQ(reinterpret_cast<uintptr_t>(forward.panel(0)) % 64, 0u);
  ASSERT_EQ(reinterpret_cast<uintptr_t>(transposed.panel(0)) % 64, 0u);
  const auto expected = [&](int64_t row, int64_t column) {
    if (row >= packed.n() || column >= packed.k()) return 0.f;
    const auto x = static_cast<float>(w.at(row, column));
    return packed.dtype() == DType::f32 ? x : to_float(to_bf16(x));
  };
  for (int64_t row = 0; row < forward.num_panels() * kPanelWidth; ++row)
    for (int64_t c = 0; c < forward.num_words() * per_word; ++c)
      ASSERT_EQ(element(forward, packed.dtype(), c, row), expected(row, c)) << row << " " << c;
  for (int64_t c = 0; c < transposed.num_panels() * kPanelWidth; ++c)
    for (int64_t row = 0; row < transposed.num_words() * per_word; ++row)
      ASSERT_EQ(element(transposed, packed.dtype(), row, c), expected(row, c)) << row << " " << c;
}

TEST(PackedWeightTest, HoldsEveryValueInBothLayoutsAndZerosBeyond) {
  ThreadPool pool(2);
  const std::pair<int64_t, int64_t> sizes[] = {{1, 1}, {32, 32}, {33, 31}, {70, 129}, {15, 200}};
  for (const auto& [n, k] : sizes) {
    for (const DType source : {DType::f32, DType::bf16}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        const auto w = random_matrix(n, k, source, 5);
        PackedWeight packed(n, k, dtype);
        pack(packed, w, pool);
        expect_panels(packed, w, pool);
      }
    }
  }
}

TEST(PackedWeightTest, PartsOfAWeightThatChangesFollowOneByOne) {
  ThreadPool pool(1);
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{1, 5}, {15, 33}, {16, 32}, {70, 129}})
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const auto before = random_matrix(n, k, DType::f32, 1),
                 after = random_matrix(n, k, DType::f32, 2);
      PackedWeight packed(n, k, dtype);
      pack(packed, before, pool);
      expect_panels(packed, before, pool);
      packed.begin_parts();
      const int64_t parts = (n + PackedWeight::kRowsOfPart - 1) / PackedWeight::kRowsOfPart;
      for (int64_t part = parts; part-- > 0;) packed.pack_part(after.tensor().as<float>(), part);
      expect_panels(packed, after, pool);
      EXPECT_THROW(packed.pack_part(after.tensor().as<float>(), parts), Error);
    }
}

TEST(PackedWeightTest, TransposedPanelsFollowTheNextPack) {
  ThreadPool pool(1);
  const auto first = random_matrix(40, 50, DType::f32, 1),
             second = random_matrix(40, 50, DType::f32, 2);
  PackedWeight packed(40, 50, DType::f32);
  pack(packed, first, pool);
  expect_panels(packed, first, pool);
  pack(packed, second, pool);
  expect_panels(packed, second, pool);
}

TEST(PackedWeightTest, RefusesOtherTypesAndEmptyWeights) {
  EXPECT_THROW(PackedWeight(4, 4, DType::f16), Error);
  EXPECT_THROW(PackedWeight(0, 4, DType::f32), Error);
}

}  // namespace
}  // namespace troupe
