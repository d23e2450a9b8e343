// What products of one input do beside multiplying: each has the bits of the ops apart.
#include "kernels/matmul/linear_group.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/repeated_rows.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/matmul/linear.h"
#include "kernels/norm/rms_norm.h"
#include "tests/kernels/matmul/matmul_data.h"
#include "tests/kernels/matmul/quantized_data.h"

namespace troupe {
namespace {

using namespace testing_data;

// The bits of two ops, for each weight by itself: packed or quantized, with a bias or without.
TEST(LinearGroupTest, BiasesAreAddedToThoseThatHaveOneWhateverTheirWeightsLieIn) {
  ThreadPool pool(2);
  const KernelContext context{&pool};
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const auto x = random_matrix(7, 64, dtype, 1), w = random_matrix(24, 64, dtype, 2);
    const auto bias = random_matrix(1, 24, DType::f32, 3);
    const Packed packed(w, pool);
    const Quantized quantized(BlockType::q8_0, 24, 64, 4, pool);
    Tensor dense = w.tensor(), blocks = w.tensor(), biases = bias.tensor();
    dense.packed = &packed;
    blocks.quantized = &quantized;
    biases.shape = {24};
    const Tensor inputs[] = {x.tensor(), dense, blocks, blocks, biases, biases, {}};
    std::vector<Matrix> apart(3, Matrix(7, 24, dtype)), together = apart;
    const auto outputs_of = [](std::vector<Matrix>& all) {
      return std::vector<Tensor>{all[0].tensor(), all[1].tensor(), all[2].tensor()};
    };
    const auto expected = outputs_of(apart), outputs = outputs_of(together);
    linear_group_cpu({std::span(inputs).first(4), expected, {}, context});
    for (size_t i : {0, 1}) {
      const Tensor operands[] = {expected[i], biases};
      add_bias_cpu({operands, {&expected[i], 1}, {}, context});
    }
    linear_group_cpu({inputs, outputs, {}, context});
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(together[i], apart[i]) << i << name_of(dtype);
  }
}

// The bits of the ops apart, for few rows and many, and whatever the weights lie in.
TEST(LinearGroupTest, SwigluOfTwoProductsIsThatOfTheOpsApart) {
  ThreadPool pool(2);
  const KernelContext context{&pool};
  constexpr int64_t kColumns = 397, kIn = 64;
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const int64_t rows : {1, 7, 40, 300})
      for (const bool quantizes : {false, true}) {
        const auto x = random_matrix(rows, kIn, dtype, 1),
                   w1 = random_matrix(kColumns, kIn, dtype, 2),
                   w2 = random_matrix(kColumns, kIn, dtype, 3),
                   bias = random_matrix(1, kColumns, DType::f32, 4);
        const Packed packed1(w1, pool), packed2(w2, pool);
        const Quantized quantized(BlockType::q8_0, kColumns, kIn, 5, pool);
        Tensor gate = w1.tensor(), up = w2.tensor(), gate_bias = bias.tensor();
        gate.packed = &packed1;
        if (quantizes)
          up.quantized = &quantized;
        else
          up.packed = &packed2;
        gate_bias.shape = {kColumns};
        const Tensor inputs[] = {x.tensor(), gate, up, gate_bias, {}};
        std::vector<Matrix> apart(3, Matrix(rows, kColumns, dtype)), together = apart;
        const Tensor expected[] = {apart[0].tensor(), apart[1].tensor(), apart[2].tensor()},
                     outputs[] = {together[0].tensor(), together[1].tensor(), together[2].tensor()};
        linear_group_cpu({inputs, std::span(expected).first(2), {}, context});
        swiglu_cpu({std::span(expected).first(2), std::span(expected).last(1), {}, context});
        linear_group_swiglu_cpu({inputs, outputs, {}, context});
        for (size_t i = 0; i < 3; ++i)
          EXPECT_EQ(together[i], apart[i]) << i << name_of(dtype) << rows << quantizes;
      }
}

TEST(LinearGroupTest, SwigluTakesTwoProductsOfOneSize) {
  const std::vector<std::vector<Shape>> wrong = {{{kTokens, 24}, {40, 24}, {48, 24}},
                                                 {{kTokens, 24}, {40, 24}}};
  for (const auto& inputs : wrong)
    EXPECT_THROW(infer_shapes(linear_group_swiglu, {}, inputs), Error);
  const std::vector<Shape> right = {{kTokens, 24}, {40, 24}, {40, 24}};
  EXPECT_EQ(infer_shapes(linear_group_swiglu, {}, right),
            std::vector<Shape>(3, Shape{kTokens, 40}));
}

// What the weights of a group lie in: packed, one of them quantized, or packed in bf16 under rows
// in f32, which are rounded first.
enum class Weights { packed, mixed, rounded };

struct NormCase {
  int64_t rows, columns;  // of x
  Weights weights;
  const RepeatedRows* repeated = nullptr;
};

// Gate and up with their norm before them, in one op and in two; and the same with SwiGLU behind.
void expect_same_with_norm(const NormCase& c, DType dtype, ThreadPool& pool) {
  SCOPED_TRACE(testing::Message() << name_of(dtype) << " " << c.rows << " x " << c.columns << " "
                                  << static_cast<int>(c.weights));
  constexpr int64_t kColumns = 397;
  const KernelContext context = {.pool = &pool, .repeated_rows = c.repeated};
  const DType weight_dtype = c.weights == Weights::rounded ? DType::bf16 : dtype;
  const auto x = random_matrix(c.rows, c.columns, dtype, 1),
             w1 = random_matrix(kColumns, c.columns, weight_dtype, 2),
             w2 = random_matrix(kColumns, c.columns, weight_dtype, 3),
             biases = random_matrix(1, kColumns, DType::f32, 4),
             scales = random_matrix(1, c.columns, DType::f32, 5);
  const Packed packed1(w1, pool), packed2(w2, pool);
  const Quantized quantized(BlockType::q8_0, kColumns, c.columns / 32 * 32, 6, pool);
  Tensor gate = w1.tensor(), up = w2.tensor(), bias = biases.tensor(), norm = scales.tensor();
  gate.packed = &packed1;
  c.weights == Weights::mixed ? void(up.quantized = &quantized) : void(up.packed = &packed2);
  bias.shape = {kColumns};
  norm.shape = {c.columns};
  const Attributes attributes = {.epsilon = 1e-5f};
  Matrix normed(c.rows, c.columns, dtype);
  const Tensor norm_inputs[] = {x.tensor(), norm}, rows = normed.tensor();
  const Tensor inputs[] = {rows, gate, up, {}, bias},
               all[] = {x.tensor(), gate, up, {}, bias, norm};
  std::vector<Matrix> apart(3, Matrix(c.rows, kColumns, dtype)), together = apart, gated = apart;
  const auto outputs_of = [](std::vector<Matrix>& m) {
    return std::vector<Tensor>{m[0].tensor(), m[1].tensor(), m[2].tensor()};
  };
  rms_norm_cpu({norm_inputs, {&rows, 1}, attributes, context});
  linear_group_swiglu_cpu({inputs, outputs_of(apart), attributes, context});
  const auto two = outputs_of(together);
  norm_linear_group_cpu({all, std::span(two).first(2), attributes, context});
  norm_linear_group_swiglu_cpu({all, outputs_of(gated), attributes, context});
  EXPECT_EQ(gated, apart);
  EXPECT_EQ(together[0], apart[0]);
  EXPECT_EQ(together[1], apart[1]);
}

// Also more rows than a block has, rows that fall on the same cache sets, and rows far apart.
TEST(NormLinearGroupTest, RowsAreNormedAsByTheOpAlone) {
  for (const int num_threads : {1, 2, 3}) {
    ThreadPool pool(num_threads);
    for (const DType dtype : {DType::f32, DType::bf16})
      for (const int64_t rows : {1, 7, 40, 500})
        for (const int64_t columns : {64, 1024}) {
          expect_same_with_norm({rows, columns, Weights::packed}, dtype, pool);
          expect_same_with_norm({rows, columns, Weights::mixed}, dtype, pool);
        }
    expect_same_with_norm({40, 4096, Weights::packed}, DType::f32, pool);
  }
}

TEST(NormLinearGroupTest, NormsRowsThatProductsRoundOrFillUp) {
  ThreadPool pool(2);
  for (const int64_t rows : {1, 40}) {
    expect_same_with_norm({rows, 63, Weights::packed}, DType::bf16, pool);
    expect_same_with_norm({rows, 63, Weights::packed}, DType::f32, pool);
    expect_same_with_norm({rows, 64, Weights::rounded}, DType::f32, pool);
  }
}

// What the rows hold tells copies from rows that are computed.
TEST(NormLinearGroupTest, CopiesTheRowsThatRepeatOthers) {
  ThreadPool pool(2);
  const RepeatedRows repeated = {.distinct = {{0, 20}, {30, 300}}, .copies = {{20, 5, 10}}};
  for (const DType dtype : {DType::f32, DType::bf16})
    expect_same_with_norm({300, 64, Weights::packed, &repeated}, dtype, pool);
}

TEST(NormLinearGroupTest, TakesANormOfTheInputsWidth) {
  const std::vector<Shape> right = {{kTokens, 24}, {40, 24}, {40, 24}, {}, {40}, {24}};
  EXPECT_EQ(infer_shapes(norm_linear_group, {}, right), std::vector<Shape>(2, Shape{kTokens, 40}));
  EXPECT_EQ(infer_shapes(norm_linear_group_swiglu, {}, right),
            std::vector<Shape>(3, Shape{kTokens, 40}));
  auto wrong = right;
  wrong.back() = {40};
  EXPECT_THROW(infer_shapes(norm_linear_group, {}, wrong), Error);
  wrong.pop_back();
  EXPECT_THROW(infer_shapes(norm_linear_group_swiglu, {}, wrong), Error);
}

// With a bias and without, from packed weights and from a file's blocks.
TEST(LinearResidualTest, IsAddedToWhatTheProductAloneWouldBe) {
  ThreadPool pool(2);
  const KernelContext context{&pool};
  constexpr int64_t kColumns = 397, kIn = 96;
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const int64_t rows : {1, 7, 40, 300})
      for (const bool quantizes : {false, true})
        for (const bool has_bias : {false, true}) {
          const auto x = random_matrix(rows, kIn, dtype, 1),
                     w = random_matrix(kColumns, kIn, dtype, 2),
                     residual = random_matrix(rows, kColumns, dtype, 3),
                     biases = random_matrix(1, kColumns, DType::f32, 4);
          const Packed packed(w, pool);
          const Quantized quantized(BlockType::q8_0, kColumns, kIn, 5, pool);
          Tensor weight = w.tensor(), bias = has_bias ? biases.tensor() : Tensor{};
          quantizes ? void(weight.quantized = &quantized) : void(weight.packed = &packed);
          if (has_bias) bias.shape = {kColumns};
          const Attributes attributes = {.num_slices = 3};
          Matrix product(rows, kColumns, dtype), want = product, got = product;
          const Tensor inputs[] = {x.tensor(), weight, bias, residual.tensor()},
                       y = product.tensor(), sum = want.tensor(), together = got.tensor();
          const Tensor addends[] = {residual.tensor(), y};
          linear_cpu({std::span(inputs).first(has_bias ? 3 : 2), {&y, 1}, attributes, context});
          add_cpu({addends, {&sum, 1}, attributes, context});
          linear_cpu({inputs, {&together, 1}, attributes, context});
          EXPECT_EQ(got, want) << name_of(dtype) << rows << quantizes << has_bias;
        }
}

TEST(LinearResidualTest, TakesAResidualOfTheResultsShape) {
  const std::vector<Shape> right = {{kTokens, 24}, {40, 24}, {}, {kTokens, 40}};
  EXPECT_EQ(infer_shapes(linear_residual, {}, right), std::vector<Shape>{right[3]});
  const std::vector<Shape> wrong = {{kTokens, 24}, {40, 24}, {}, {kTokens, 24}};
  EXPECT_THROW(infer_shapes(linear_residual, {}, wrong), Error);
}

}  // namespace
}  // namespace troupe
