// Rows of a left operand that are made where they are multiplied: which, how often, by how many.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "base/error.h"
#include "kernels/matmul/matmul.h"
#include "tests/kernels/matmul/matmul_data.h"

namespace troupe {
namespace {

using namespace testing_data;

// Products of two weights of unequal width, and how often each row of x was made for them. Their 24
// and 6 panels are even shares of one, two and three threads, so that rows are not cut for that.
struct CountedRows {
  std::vector<std::atomic<int>> times;
  std::vector<Matrix> results;

  CountedRows(const Matrix& x, int num_threads, const RepeatedRows* repeated = nullptr)
      : times(static_cast<size_t>(x.shape[0])) {
    ThreadPool pool(num_threads);
    const auto row_bytes = static_cast<size_t>(x.shape[1]) * size_of(x.dtype);
    const MakeRow make_row = [&](int64_t row, void* to) {
      ++times[static_cast<size_t>(row)];
      std::memcpy(to, x.rows(row, row + 1).data, row_bytes);
    };
    multiply(x, pool, repeated, {.make_row = make_row});
  }
  CountedRows(const Matrix& x, const RepeatedRows* repeated) {
    ThreadPool pool(1);
    multiply(x, pool, repeated, {});
  }

 private:
  void multiply(const Matrix& x, ThreadPool& pool, const RepeatedRows* repeated,
                const Fused& fused) {
    const int64_t k = x.shape[1];
    const Packed wide(random_matrix(768, k, x.dtype, 2), pool),
        narrow(random_matrix(192, k, x.dtype, 3), pool);
    const PackedWeight* weights[] = {&wide, &narrow};
    for (const PackedWeight* w : weights) results.emplace_back(x.shape[0], w->n(), x.dtype);
    const Tensor outputs[] = {results[0].tensor(), results[1].tensor()};
    matmul_group(x.tensor(), weights, outputs, 1, pool, repeated, fused);
  }
};

// One block of rows: a thread that goes from panel to panel, and to the next weight, keeps them.
TEST(MadeRowsTest, AThreadMakesARowOnceForAllPanelsAndWeights) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const int64_t rows : {1, 20, 150})
      for (const int num_threads : {1, 2, 3}) {
        const auto x = random_matrix(rows, 64, dtype, 1);
        const CountedRows made(x, num_threads);
        for (const auto& times : made.times) {
          EXPECT_GE(times, 1);
          EXPECT_LE(times, num_threads);
        }
      }
}

TEST(MadeRowsTest, ARowThatIsCopiedIsNotMade) {
  const RepeatedRows repeated = {.distinct = {{0, 20}, {30, 100}}, .copies = {{20, 5, 10}}};
  const auto x = random_matrix(100, 64, DType::f32, 1);
  const CountedRows made(x, 1, &repeated);
  for (size_t row = 0; row < made.times.size(); ++row)
    EXPECT_EQ(made.times[row], row < 20 || row >= 30 ? 1 : 0) << row;
  EXPECT_EQ(made.results, CountedRows(x, &repeated).results);
}

// More than one block, rows that fall on the same cache sets, and rows far apart.
TEST(MadeRowsTest, ProductsAreThoseOfTheRowsWhereTheyWere) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const auto& [rows, columns] :
         {std::pair{1, 64}, {40, 1024}, {40, 2048}, {40, 4096}, {500, 64}, {500, 1024}})
      for (const int num_threads : {1, 2, 3}) {
        const auto x = random_matrix(rows, columns, dtype, 1);
        EXPECT_EQ(CountedRows(x, num_threads).results, CountedRows(x, nullptr).results)
            << name_of(dtype) << " " << rows << " x " << columns;
      }
}

TEST(MadeRowsTest, RowsAreWholeWords) {
  EXPECT_THROW(CountedRows(random_matrix(3, 63, DType::bf16, 1), 1), Error);
}

}  // namespace
}  // namespace troupe
