// Bits first: all tests but the accuracy ones compare bits.
#include "kernels/matmul/matmul.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <deque>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "kernels/instruction_set.h"
#include "tests/kernels/matmul/matmul_data.h"

namespace troupe {
namespace {

using namespace testing_data;

struct Size {
  int64_t n, k;
};
constexpr Size kSizes[] = {{576, 576}, {64, 1536}, {1, 1}, {17, 33},
                           {100, 208}, {320, 128}, {43, 7}};
constexpr int kSliceCounts[] = {1, 2, 3, 4, 6, 8, 12};

class MatmulTest : public testing::TestWithParam<DType> {
 protected:
  Matrix random(int64_t rows, int64_t columns, uint32_t seed) const {
    return random_matrix(rows, columns, GetParam(), seed);
  }
  bool cuts(int64_t size, int slices) const {
    return size % slices == 0 && (slices == 1 || size / slices % 2 == 0);
  }
  ThreadPool pool_{2};
};
INSTANTIATE_TEST_SUITE_P(, MatmulTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(MatmulTest, IsCloseToDoublePrecision) {
  for (const auto [n, k] : kSizes) {
    for (const DType result : {DType::f32, DType::bf16}) {
      const int64_t m = 17;
      const auto x = random(m, k, 1), w = random(n, k, 2);
      Matrix y(m, n, result);
      matmul(x.tensor(), Packed(w, pool_), y.tensor(), 1, pool_);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double expected = 0, magnitude = 0;
          for (int64_t c = 0; c < k; ++c) {
            expected += x.at(i, c) * w.at(j, c);
            magnitude += std::abs(x.at(i, c) * w.at(j, c));
          }
          ASSERT_NEAR(y.at(i, j), expected, error_bound(magnitude, k, result)) << n << " " << k;
        }
      }
    }
  }
}

TEST_P(MatmulTest, RowHasTheSameBitsInAnyBatchAtAnyPositionOnAnyThreads) {
  constexpr int64_t kMost = 400;
  for (const auto [n, k] : kSizes) {
    const auto x = random(kMost, k, 1), w = random(n, k, 2);
    const Packed packed(w, pool_);
    std::vector<int64_t> order(kMost);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(3));
    Matrix shuffled(kMost, k, GetParam());
    for (int64_t i = 0; i < kMost; ++i)
      for (int64_t c = 0; c < k; ++c) shuffled.set(i, c, static_cast<float>(x.at(order[i], c)));
    for (const int slices : {1, 3, 4}) {
      if (!cuts(k, slices)) continue;
      Matrix alone(kMost, n, DType::f32);
      for (int64_t i = 0; i < kMost; ++i)
        matmul(x.rows(i, i + 1), packed, alone.rows(i, i + 1), slices, pool_);
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        for (const int64_t m : {1, 2, 3, 5, 8, 13, 16, 17, 33, 64, 200, 400}) {
          Matrix y(m, n, DType::f32);
          matmul(shuffled.rows(0, m), packed, y.tensor(), slices, pool);
          for (int64_t i = 0; i < m; ++i) {
            const Tensor got = y.rows(i, i + 1), want = alone.rows(order[i], order[i] + 1);
            ASSERT_EQ(std::memcmp(got.data, want.data, n * sizeof(float)), 0)
                << "n " << n << " k " << k << " m " << m << " slices " << slices;
          }
        }
      }
    }
  }
}

// The rows that repeat others hold NaN here: were one of them read, its result would be NaN.
TEST_P(MatmulTest, RowsThatRepeatOthersAreCopiedAndNotComputed) {
  constexpr int64_t kRows = 400;
  const RepeatedRows repeated = {.distinct = {{0, 150}, {170, 203}, {230, 231}, {251, 400}},
                                 .copies = {{150, 10, 20}, {203, 0, 27}, {231, 170, 20}}};
  for (const auto [n, k] : kSizes) {
    const auto x = random(kRows, k, 1), w = random(n, k, 2);
    const Packed packed(w, pool_);
    Matrix poisoned = x;
    for (const RowCopy& copy : repeated.copies)
      for (int64_t i = 0; i < copy.count * k; ++i)
        poisoned.set(copy.begin + i / k, i % k, std::numeric_limits<float>::quiet_NaN());
    for (const DType result : {DType::f32, DType::bf16}) {
      for (const int slices : {1, 3}) {
        if (!cuts(k, slices)) continue;
        Matrix want(kRows, n, result), got(kRows, n, result);
        matmul(x.tensor(), packed, want.tensor(), slices, pool_);
        matmul(poisoned.tensor(), packed, got.tensor(), slices, pool_, &repeated);
        for (const RowCopy& copy : repeated.copies)
          std::memcpy(want.rows(copy.begin, kRows).data, want.rows(copy.source, kRows).data,
                      copy.count * n * size_of(result));
        ASSERT_EQ(got, want) << "n " << n << " k " << k << " slices " << slices;
      }
    }
  }
}

// In bf16 that is two roundings: the product's, and the sum's.
TEST_P(MatmulTest, ABiasIsAddedToWhatTheProductAloneWouldBe) {
  const RepeatedRows repeated = {.distinct = {{0, 20}, {30, 300}}, .copies = {{20, 5, 10}}};
  for (const auto [n, k] : kSizes) {
    const auto w = random(n, k, 2);
    const Packed packed(w, pool_);
    const auto bias = random_matrix(1, n, DType::f32, 4);
    for (const int64_t m : {1, 3, 64, 300})
      for (const DType result : {DType::f32, DType::bf16})
        for (const int slices : {1, 3}) {
          if (!cuts(k, slices)) continue;
          const auto x = random(m, k, 1);
          const auto* rows = m == 300 ? &repeated : nullptr;
          Matrix want(m, n, result), got(m, n, result);
          const auto* values = bias.tensor().as<float>();
          matmul(x.tensor(), packed, want.tensor(), slices, pool_, rows);
          matmul(x.tensor(), packed, got.tensor(), slices, pool_, rows, {.biases = {&values, 1}});
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j)
              want.set(i, j, static_cast<float>(want.at(i, j)) + static_cast<float>(bias.at(0, j)));
          ASSERT_EQ(got, want) << "n " << n << " k " << k << " m " << m << " slices " << slices;
        }
  }
}

// f32 only: what one lane of one accumulator does is then a chain of std::fma.
TEST(MatmulOrderTest, ElementIsAChainOfFusedMultiplyAddsAndATreeOverSlices) {
  ThreadPool pool(2);
  for (const auto [n, k] : {Size{35, 1560}, Size{70, 48}, Size{32, 24}}) {
    const int64_t m = 40;
    const auto x = random_matrix(m, k, DType::f32, 1), w = random_matrix(n, k, DType::f32, 2);
    const Packed packed(w, pool);
    for (const int slices : kSliceCounts) {
      Matrix y(m, n, DType::f32);
      matmul(x.tensor(), packed, y.tensor(), slices, pool);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          std::vector<float> sums(slices, 0.f);
          for (int64_t c = 0; c < k; ++c) {
            float& sum = sums[c * slices / k];
            sum = std::fma(static_cast<float>(x.at(i, c)), static_cast<float>(w.at(j, c)), sum);
          }
          ASSERT_EQ(y.at(i, j), binary_counter(sums)) << slices << " slices of " << k;
        }
      }
    }
  }
}

// What kernels/matmul says of bf16: a chain of two fused multiply-adds a word, or what AMX's tiles
// do with 16 words at a time. (The order of avx512_bf16's dot product is the CPU's own.)
TEST(MatmulOrderTest, Bf16FollowsTheOrderOfItsInstructionSet) {
  const auto order = numerics_of(instruction_set());
  if (order == "avx512_bf16") GTEST_SKIP() << "the CPU's own order";
  ThreadPool pool(2);
  for (const auto [n, k] : {Size{35, 1560}, Size{70, 48}, Size{32, 24}}) {
    const int64_t m = 40;
    const auto x = random_matrix(m, k, DType::bf16, 1), w = random_matrix(n, k, DType::bf16, 2);
    Matrix y(m, n, DType::f32);
    matmul(x.tensor(), Packed(w, pool), y.tensor(), 1, pool);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        const auto multiply_add = [&](int64_t c, float sum) {
          return std::fma(static_cast<float>(x.at(i, c)), static_cast<float>(w.at(j, c)), sum);
        };
        float sum = 0;
        for (int64_t begin = 0; begin < k; begin += 32) {
          float low = 0, high = 0;
          for (int64_t c = begin; c < std::min(k, begin + 32); c += 2) {
            if (order == "portable") {
              sum = multiply_add(c + 1, multiply_add(c, sum));
            } else {
              low = multiply_add(c, low);
              high = multiply_add(c + 1, high);
            }
          }
          if (order == "amx") sum += low + high;
        }
        ASSERT_EQ(y.at(i, j), sum) << n << " " << k;
      }
    }
  }
}

TEST(MatmulOrderTest, AnyShapeSlicesAndThreadsKeepTheOrder) {
  EXPECT_TRUE(rc::check("the element is the chain written out", [] {
    const int64_t m = *rc::gen::inRange(1, 80), n = *rc::gen::inRange(1, 140);
    const int slices = *rc::gen::inRange(1, 20);
    const int64_t k = slices * *rc::gen::inRange(1, 90);
    ThreadPool pool(*rc::gen::inRange(1, 4));
    const auto x = random_matrix(m, k, DType::f32, 1), w = random_matrix(n, k, DType::f32, 2);
    Matrix y(m, n, DType::f32);
    matmul(x.tensor(), Packed(w, pool), y.tensor(), slices, pool);
    const int64_t i = *rc::gen::inRange<int64_t>(0, m), j = *rc::gen::inRange<int64_t>(0, n);
    std::vector<float> sums(slices, 0.f);
    for (int64_t c = 0; c < k; ++c) {
      float& sum = sums[c * slices / k];
      sum = std::fma(static_cast<float>(x.at(i, c)), static_cast<float>(w.at(j, c)), sum);
    }
    RC_ASSERT(static_cast<float>(y.at(i, j)) == binary_counter(sums));
  }));
}

// A rank that holds some of the slices computes its subtree; the ranks' sums meet in f32.
TEST_P(MatmulTest, AGroupGivesEachWeightTheBitsThatItHasAlone) {
  constexpr int64_t kSizesOut[] = {100, 7, 64}, kIn = 208;
  for (const int64_t m : {1, 5, 40, 300}) {
    const auto x = random(m, kIn, 1);
    std::deque<Packed> packed;
    std::deque<Matrix> alone, together;
    std::vector<const PackedWeight*> weights;
    std::vector<Tensor> outputs;
    for (const int64_t n : kSizesOut) {
      weights.push_back(&packed.emplace_back(random(n, kIn, static_cast<uint32_t>(n)), pool_));
      outputs.push_back(together.emplace_back(m, n, DType::f32).tensor());
      matmul(x.tensor(), packed.back(), alone.emplace_back(m, n, DType::f32).tensor(), 1, pool_);
    }
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      matmul_group(x.tensor(), weights, outputs, 1, pool);
      for (size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(together[i] == alone[i]) << m;
    }
  }
}

TEST_P(MatmulTest, TensorParallelRanksGiveTheBitsOfOneRank) {
  constexpr int64_t m = 37, n = 96, k = 384;
  constexpr int kSlices = 8;
  const auto x = random(m, k, 1), w = random(n, k, 2);
  Matrix whole(m, n, DType::f32);
  matmul(x.tensor(), Packed(w, pool_), whole.tensor(), kSlices, pool_);
  for (const int ranks : {2, 4, 8}) {
    const int64_t rank_k = k / ranks;
    std::vector<Matrix> partial;
    for (int rank = 0; rank < ranks; ++rank) {
      Matrix rank_x(m, rank_k, GetParam()), rank_w(n, rank_k, GetParam());
      for (int64_t c = 0; c < rank_k; ++c) {
        for (int64_t i = 0; i < m; ++i) rank_x.set(i, c, x.at(i, rank * rank_k + c));
        for (int64_t j = 0; j < n; ++j) rank_w.set(j, c, w.at(j, rank * rank_k + c));
      }
      auto& y = partial.emplace_back(m, n, DType::f32);
      matmul(rank_x.tensor(), Packed(rank_w, pool_), y.tensor(), kSlices / ranks, pool_);
    }
    for (int64_t i = 0; i < m * n; ++i) {
      std::vector<float> sums;
      for (auto& y : partial) sums.push_back(y.floats()[i]);
      ASSERT_EQ(whole.floats()[i], binary_counter(sums)) << ranks << " ranks";
    }
  }
}

// The same on AVX2 and AVX-512, today and tomorrow.
TEST(MatmulOrderTest, BitsAreThoseOfEveryOtherBuild) {
  ThreadPool pool(2);
  const auto x = random_matrix(29, 396, DType::f32, 1), w = random_matrix(83, 396, DType::f32, 2);
  Matrix y(29, 83, DType::f32), dx(29, 396, DType::f32), dw(83, 396, DType::f32);
  const Packed packed(w, pool);
  matmul(x.tensor(), packed, y.tensor(), 3, pool);
  const Tensor dy = y.tensor();
  const PackedWeight* weight = &packed;
  matmul_input_gradient({&dy, 1}, {&weight, 1}, dx.tensor(), 1, pool);
  matmul_weight_gradient(dy, x.tensor(), dw.floats(), pool);
  EXPECT_EQ(xxh3(std::as_bytes(std::span(y.bytes))), 14861497406994339773u);
  EXPECT_EQ(xxh3(std::as_bytes(std::span(dx.bytes))), 15317600893023295182u);
  EXPECT_EQ(xxh3(std::as_bytes(std::span(dw.bytes))), 14161367198148208351u);
}

TEST(MatmulOrderTest, FloatsMeetBf16WeightsRounded) {
  ThreadPool pool(1);
  for (const int64_t k : {64, 33}) {
    const auto x = random_matrix(5, k, DType::f32, 1), w = random_matrix(7, k, DType::bf16, 2);
    Matrix rounded(5, k, DType::bf16), y(5, 7, DType::f32), expected(5, 7, DType::f32);
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t c = 0; c < k; ++c) rounded.set(i, c, static_cast<float>(x.at(i, c)));
    const Packed packed(w, pool);
    matmul(x.tensor(), packed, y.tensor(), 1, pool);
    matmul(rounded.tensor(), packed, expected.tensor(), 1, pool);
    EXPECT_EQ(y, expected);
  }
}

TEST_P(MatmulTest, RefusesSizesAndSlicesThatDoNotFit) {
  const auto x = random(4, 24, 1), w = random(8, 24, 2);
  const Packed packed(w, pool_);
  Matrix y(4, 8, DType::f32), wrong(4, 9, DType::f32);
  EXPECT_THROW(matmul(x.tensor(), packed, wrong.tensor(), 1, pool_), Error);
  EXPECT_THROW(matmul(w.tensor(), packed, y.tensor(), 1, pool_), Error);
  EXPECT_THROW(matmul(x.tensor(), packed, y.tensor(), 5, pool_), Error);
  EXPECT_THROW(matmul(x.tensor(), packed, y.tensor(), 0, pool_), Error);
  if (GetParam() == DType::bf16) {
    EXPECT_THROW(matmul(x.tensor(), packed, y.tensor(), 8, pool_), Error);
  }
}

}  // namespace
}  // namespace troupe
