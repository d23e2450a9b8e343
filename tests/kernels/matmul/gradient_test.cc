// The gradients' sums, against double precision and against the same order written out.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/matmul/matmul.h"
#include "tests/kernels/matmul/matmul_data.h"

namespace troupe {
namespace {

using namespace testing_data;

// Three weights that share an input, as q, k and v do.
struct Group {
  static constexpr int64_t kNs[] = {96, 48, 24};
  std::vector<Matrix> dys, ws;
  std::vector<std::unique_ptr<Packed>> packed;
  std::vector<Tensor> tensors;
  std::vector<const PackedWeight*> weights;

  Group(int64_t m, int64_t k, DType dtype, ThreadPool& pool) {
    for (const int64_t n : kNs) {
      dys.push_back(random_matrix(m, n, dtype, 1 + n));
      ws.push_back(random_matrix(n, k, dtype, 2 + n));
      packed.push_back(std::make_unique<Packed>(ws.back(), pool));
      weights.push_back(packed.back().get());
    }
    for (const auto& dy : dys) tensors.push_back(dy.tensor());
  }
};

TEST(MatmulInputGradientTest, EachSliceAddsPartAfterPartThenTheTreeRunsOnce) {
  constexpr int64_t m = 14, k = 70;
  ThreadPool pool(2);
  const Group group(m, k, DType::f32, pool);
  for (const int slices : {1, 2, 3, 4, 6, 8, 12}) {
    Matrix dx(m, k, DType::f32);
    matmul_input_gradient(group.tensors, group.weights, dx.tensor(), slices, pool);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t c = 0; c < k; ++c) {
        std::vector<float> sums(slices, 0.f);
        for (int slice = 0; slice < slices; ++slice) {
          for (int part = 0; part < 3; ++part) {
            const int64_t n = Group::kNs[part] / slices;
            for (int64_t j = slice * n; j < (slice + 1) * n; ++j)
              sums[slice] = std::fma(static_cast<float>(group.dys[part].at(i, j)),
                                     static_cast<float>(group.ws[part].at(j, c)), sums[slice]);
          }
        }
        ASSERT_EQ(dx.at(i, c), binary_counter(sums)) << slices << " slices";
      }
    }
  }
}

TEST(MatmulInputGradientTest, HasTheSameBitsForEveryBatchAndThreadCount) {
  constexpr int64_t m = 250, k = 70;
  ThreadPool one(1);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Group group(m, k, dtype, one);
    Matrix alone(m, k, dtype);
    for (int64_t i = 0; i < m; ++i) {
      std::vector<Tensor> rows;
      for (const auto& dy : group.dys) rows.push_back(dy.rows(i, i + 1));
      matmul_input_gradient(rows, group.weights, alone.rows(i, i + 1), 3, one);
    }
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      Matrix dx(m, k, dtype);
      matmul_input_gradient(group.tensors, group.weights, dx.tensor(), 3, pool);
      EXPECT_EQ(dx, alone) << threads << " threads, " << name_of(dtype);
    }
  }
}

TEST(MatmulInputGradientTest, IsCloseToDoublePrecisionForOddSizes) {
  ThreadPool pool(2);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const int64_t m = 9, n = 45, k = 37;
    const auto dy = random_matrix(m, n, dtype, 1), w = random_matrix(n, k, dtype, 2);
    Matrix dx(m, k, DType::f32);
    const Packed packed(w, pool);
    const Tensor tensor = dy.tensor();
    const PackedWeight* weight = &packed;
    matmul_input_gradient({&tensor, 1}, {&weight, 1}, dx.tensor(), 1, pool);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t c = 0; c < k; ++c) {
        double expected = 0, magnitude = 0;
        for (int64_t j = 0; j < n; ++j) {
          expected += dy.at(i, j) * w.at(j, c);
          magnitude += std::abs(dy.at(i, j) * w.at(j, c));
        }
        ASSERT_NEAR(dx.at(i, c), expected, error_bound(magnitude, n, DType::f32));
      }
    }
  }
}

TEST(MatmulWeightGradientTest, AddsOntoWhatIsThere) {
  ThreadPool pool(2);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int64_t m : {0, 1, 2, 7, 31, 401, 900}) {
      const int64_t n = 45, k = 67;
      const auto dy = random_matrix(m, n, dtype, 1), x = random_matrix(m, k, dtype, 2);
      auto dw = random_matrix(n, k, DType::f32, 3);
      const auto start = dw;
      matmul_weight_gradient(dy.tensor(), x.tensor(), dw.floats(), pool);
      for (int64_t j = 0; j < n; ++j) {
        for (int64_t c = 0; c < k; ++c) {
          double expected = start.at(j, c), magnitude = std::abs(expected);
          for (int64_t i = 0; i < m; ++i) {
            expected += dy.at(i, j) * x.at(i, c);
            magnitude += std::abs(dy.at(i, j) * x.at(i, c));
          }
          ASSERT_NEAR(dw.at(j, c), expected, error_bound(magnitude, m, DType::f32)) << m;
        }
      }
    }
  }
}

TEST(MatmulWeightGradientTest, IsTheSameHoweverTokensAreCutAndWhoeverComputes) {
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{100, 208}, {400, 40}, {3, 1100}}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const int64_t m = 900;
      const auto dy = random_matrix(m, n, dtype, 1), x = random_matrix(m, k, dtype, 2);
      ThreadPool one(1);
      Matrix whole(n, k, DType::f32);
      matmul_weight_gradient(dy.tensor(), x.tensor(), whole.floats(), one);
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        Matrix cut(n, k, DType::f32);
        for (const auto& [begin, end] : {std::pair{0, 32}, {32, 96}, {96, 640}, {640, 900}})
          matmul_weight_gradient(dy.rows(begin, end), x.rows(begin, end), cut.floats(), pool);
        EXPECT_EQ(cut, whole) << n << " " << k << " " << name_of(dtype) << " " << threads;
      }
    }
  }
}

TEST(MatmulWeightGradientTest, OntoNothingIsOntoZerosWhateverTheMemoryHolds) {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      for (const int64_t m : {0, 1, 33, 900}) {
        const int64_t n = 130, k = 67;
        const auto dy = random_matrix(m, n, dtype, 1), x = random_matrix(m, k, dtype, 2);
        Matrix zeros(n, k, DType::f32), nothing(n, k, DType::f32);
        std::fill_n(nothing.floats(), n * k, NAN);
        matmul_weight_gradient(dy.tensor(), x.tensor(), zeros.floats(), pool);
        matmul_weight_gradient(dy.tensor(), x.tensor(), nothing.floats(), pool, Onto::nothing);
        EXPECT_EQ(nothing, zeros) << m << " " << name_of(dtype);
      }
    }
  }
}

TEST(MatmulWeightGradientTest, RefusesTokenCountsThatDiffer) {
  ThreadPool pool(1);
  const auto dy = random_matrix(4, 8, DType::f32, 1), x = random_matrix(5, 8, DType::f32, 2);
  Matrix dw(8, 8, DType::f32);
  EXPECT_THROW(matmul_weight_gradient(dy.tensor(), x.tensor(), dw.floats(), pool), Error);
}

}  // namespace
}  // namespace troupe
