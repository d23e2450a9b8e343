// Products with weights in blocks: against doubles, and the same bits everywhere.
#include "kernels/matmul/quantized_matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kernels/instruction_set.h"
#include "kernels/matmul/quantized_rows.h"
#include "tests/kernels/matmul/matmul_data.h"
#include "tests/kernels/matmul/quantized_data.h"

namespace troupe {
namespace {

using namespace testing_data;

class QuantizedMatmulTest : public testing::TestWithParam<BlockType> {
 protected:
  Matrix product(const Tensor& x, const QuantizedWeight& w, DType dtype, ThreadPool& pool) {
    Matrix y(x.rows(), w.n(), dtype);
    const QuantizedWeight* weight = &w;
    const Tensor result = y.tensor();
    matmul_quantized(x, {&weight, 1}, {&result, 1}, pool);
    return y;
  }
  // Within f32's rounding of the sum of int8 activations times the weight's own numbers.
  void expect_near_doubles(const Matrix& y, const Tensor& x, const Quantized& w) {
    const QuantizedRows rows = quantized_rows(x, pool_);
    for (int64_t m = 0; m < y.shape[0]; ++m)
      for (int64_t n = 0; n < y.shape[1]; ++n) {
        double sum = 0, magnitude = 0;
        for (int64_t k = 0; k < w.k(); ++k) {
          const double code = rows.codes_of(m)[k];
          const double term = code * rows.blocks_of(m)[k / 32].scale * w.values[n * w.k() + k];
          sum += term;
          magnitude += std::abs(term);
        }
        // q4_1 and q4_k: scale and minimum may cancel in the numbers, not in the two sums.
        ASSERT_NEAR(y.at(m, n), sum, error_bound(8 * magnitude + 1, w.k() / 8 + 4, y.dtype));
      }
  }
  ThreadPool pool_{1};
};

TEST_P(QuantizedMatmulTest, MultipliesTheWeightsOwnNumbers) {
  for (const auto& [m, n] : {std::pair{1, 1}, {3, 16}, {15, 37}, {70, 48}}) {
    const Quantized w(GetParam(), n, 512, 3, pool_);
    for (DType dtype : {DType::f32, DType::bf16}) {
      const Matrix x = random_matrix(m, 512, dtype, 5);
      expect_near_doubles(product(x.tensor(), w, dtype, pool_), x.tensor(), w);
    }
  }
}

TEST_P(QuantizedMatmulTest, KeepsTheNumbersOfItsFile) {
  const Quantized w(GetParam(), 37, 512, 4, pool_);
  std::vector<float> row(512);
  for (int64_t i = 0; i < 37; ++i) {
    w.dequantize_row(i, row.data());
    EXPECT_EQ(std::memcmp(row.data(), &w.values[i * 512], 512 * sizeof(float)), 0) << i;
  }
}

TEST_P(QuantizedMatmulTest, ARowsBitsDependOnNeitherItsBatchNorThreads) {
  ThreadPool three(3);
  const Quantized w(GetParam(), 37, 768, 6, pool_);
  const Matrix x = random_matrix(139, 768, DType::f32, 7);
  const Matrix all = product(x.tensor(), w, DType::f32, pool_);
  EXPECT_EQ(product(x.tensor(), w, DType::f32, three), all);
  std::mt19937 engine(8);
  for (int i = 0; i < 60; ++i) {
    const int64_t begin = engine() % 139, end = begin + 1 + engine() % (139 - begin);
    const Matrix some = product(x.rows(begin, end), w, DType::f32, i % 2 ? pool_ : three);
    const Tensor expected = all.rows(begin, end);
    ASSERT_EQ(std::memcmp(some.bytes.data(), expected.data, some.bytes.size()), 0) << begin << end;
  }
}

TEST_P(QuantizedMatmulTest, AllInstructionSetsGiveTheSameBits) {
  const Quantized w(GetParam(), 37, 768, 9, pool_);
  const Matrix x = random_matrix(15, 768, DType::f32, 10);
  const InstructionSet before = instruction_set();
  const Matrix y = product(x.tensor(), w, DType::f32, pool_);
  for (auto set : {InstructionSet::avx2, InstructionSet::avx512, InstructionSet::avx512_bf16,
                   InstructionSet::amx}) {
    if (!is_supported(set)) continue;
    use_instruction_set(set);
    EXPECT_EQ(product(x.tensor(), w, DType::f32, pool_), y) << name_of(set);
  }
  use_instruction_set(before);
}

// Codes of weights and activations at their ends, where a narrower sum would saturate.
TEST_P(QuantizedMatmulTest, ExtremeCodesAreExact) {
  const auto& format = format_of(GetParam());
  for (const auto fill : {std::byte{0x80}, std::byte{0x7f}, std::byte{0xff}, std::byte{0}}) {
    auto blocks = random_blocks(GetParam(), 1, 256, 1);
    for (size_t i = 0; i < blocks.size(); ++i) {
      const auto in_block = static_cast<int64_t>(i) % format.bytes;
      const bool is_half = GetParam() == BlockType::q6_k ? in_block >= 208 : in_block < 4;
      if (!is_half || (format.bytes == 34 && in_block >= 2)) blocks[i] = fill;
    }
    Quantized w(GetParam(), 1, 256, 1, pool_);
    w.pack(blocks, pool_);
    dequantize(GetParam(), blocks, w.values);
    for (const float value : {1.0f, -1.0f}) {
      Matrix x(1, 256, DType::f32);
      for (int i = 0; i < 256; ++i) x.set(0, i, value);
      expect_near_doubles(product(x.tensor(), w, DType::f32, pool_), x.tensor(), w);
    }
  }
}

TEST_P(QuantizedMatmulTest, ARowThatIsNotFiniteSpoilsNoOther) {
  const Quantized w(GetParam(), 19, 256, 11, pool_);
  Matrix x = random_matrix(4, 256, DType::f32, 12);
  const Matrix clean = product(x.tensor(), w, DType::f32, pool_);
  x.set(1, 77, INFINITY), x.set(2, 3, NAN);
  const Matrix y = product(x.tensor(), w, DType::f32, pool_);
  for (int64_t n = 0; n < 19; ++n) {
    EXPECT_EQ(y.at(0, n), clean.at(0, n));
    EXPECT_TRUE(std::isnan(y.at(1, n)) && std::isnan(y.at(2, n)));
    EXPECT_EQ(y.at(3, n), clean.at(3, n));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantizedMatmulTest, testing::ValuesIn(kQuantizedTypes),
                         [](const auto& info) { return std::string(format_of(info.param).name); });

using QuantizedWeightTest = QuantizedMatmulTest;

TEST_F(QuantizedWeightTest, RoundsAnySizeToInt8) {
  for (const auto& [n, k] : {std::pair{1, 1}, {17, 33}, {40, 576}}) {
    const Matrix w = random_matrix(n, k, DType::f32, 20), x = random_matrix(5, k, DType::f32, 21);
    QuantizedWeight quantized(BlockType::q8_0, n, k);
    quantized.quantize(w.tensor().as<float>(), pool_);
    std::vector<float> row(static_cast<size_t>(k));
    const Matrix y = product(x.tensor(), quantized, DType::f32, pool_);
    for (int64_t i = 0; i < n; ++i) {
      quantized.dequantize_row(i, row.data());
      for (int64_t j = 0; j < k; ++j) EXPECT_NEAR(row[j], w.at(i, j), 0.6 / 127);
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += x.at(3, j) * w.at(i, j);
      EXPECT_NEAR(y.at(3, i), sum, 0.012 * std::sqrt(k));
    }
  }
}

TEST_F(QuantizedWeightTest, MultipliesSeveralWeightsOfOneInput) {
  ThreadPool three(3);
  const Quantized a(BlockType::q4_1, 37, 256, 30, pool_), b(BlockType::q6_k, 20, 256, 31, pool_);
  const Matrix x = random_matrix(9, 256, DType::f32, 32);
  Matrix ya(9, 37, DType::f32), yb(9, 20, DType::f32);
  const QuantizedWeight* ws[] = {&a, &b};
  const Tensor ys[] = {ya.tensor(), yb.tensor()};
  matmul_quantized(x.tensor(), ws, ys, three);
  EXPECT_EQ(ya, product(x.tensor(), a, DType::f32, pool_));
  EXPECT_EQ(yb, product(x.tensor(), b, DType::f32, pool_));
}

TEST_F(QuantizedWeightTest, TakesNoRowsAndRefusesOtherSizes) {
  const Quantized w(BlockType::q4_0, 5, 64, 33, pool_);
  EXPECT_TRUE(product(Matrix(0, 64, DType::f32).tensor(), w, DType::f32, pool_).bytes.empty());
  EXPECT_THROW(product(Matrix(1, 63, DType::f32).tensor(), w, DType::f32, pool_), Error);
  EXPECT_THROW(QuantizedWeight(BlockType::bf16, 5, 64), Error);
  EXPECT_THROW(QuantizedWeight(BlockType::q4_1, 5, 64).pack({}, pool_), Error);
}

}  // namespace
}  // namespace troupe
