// The ops around the products: what their gradients compute, and what their shape rules refuse.
#include "kernels/matmul/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/matmul/matmul.h"
#include "tests/kernels/matmul/matmul_data.h"

namespace troupe {
namespace {

using namespace testing_data;
using testing::AllOf;
using testing::HasSubstr;

// Runs an op, then its gradient: backward ops compute as they are built. Input 0 is x, the others
// are weights; gradients of weights start from zero.
class EagerBuilder : public GradientBuilder {
 public:
  EagerBuilder(const OpDef& op, std::vector<Matrix> inputs, int num_slices) {
    attributes_.num_slices = num_slices;
    for (auto& input : inputs) inputs_.push_back(add(std::move(input)));
    outputs_ = apply(op, inputs_, attributes_);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const auto& y = values_[outputs_[i]].matrix;
      output_gradients_.push_back(add(random_matrix(y.shape[0], y.shape[1], y.dtype, 50 + i)));
    }
    gradients_.resize(inputs_.size());
  }

  const Attributes& attributes() const override { return attributes_; }
  int num_inputs() const override { return static_cast<int>(inputs_.size()); }
  Symbol input(int index) const override { return inputs_[index]; }
  Symbol output(int index) const override { return outputs_[index]; }
  Symbol output_gradient(int index) const override { return output_gradients_[index]; }
  bool wants_gradient(int index) const override { return index != unwanted; }

  std::vector<Symbol> apply(const OpDef& op, std::vector<Symbol> inputs,
                            const Attributes& attributes) override {
    const auto tensors = tensors_of(inputs);
    std::vector<Symbol> symbols;
    std::vector<Tensor> outputs;
    std::vector<Shape> shapes;
    for (const auto& tensor : tensors) shapes.push_back(tensor.shape);
    for (const auto& shape : infer_shapes(op, attributes, shapes)) {
      const bool same = op.dtypes[symbols.size()] == '=';
      symbols.push_back(add(Matrix(shape[0], shape[1], same ? tensors[0].dtype : DType::f32)));
      outputs.push_back(values_[symbols.back()].matrix.tensor());
    }
    op.cpu({tensors, outputs, attributes, context_});
    return symbols;
  }
  void set_input_gradient(int index, Symbol gradient) override {
    gradients_[index] = values_[gradient].matrix;
  }
  std::vector<Symbol> accumulate_weight_gradient(int index, const OpDef& op,
                                                 std::vector<Symbol> inputs,
                                                 const Attributes& attributes) override {
    const auto& weight = values_[inputs_[index]].matrix;
    gradients_[index] = Matrix(weight.shape[0], weight.shape[1], DType::f32);
    const Tensor buffer = gradients_[index]->tensor();
    op.cpu({tensors_of(inputs), {&buffer, 1}, attributes, context_});
    return {};
  }

  const Matrix& value(Symbol symbol) const { return values_[symbol].matrix; }
  const std::optional<Matrix>& gradient(int index) const { return gradients_[index]; }
  void drop_output_gradient(int index) { output_gradients_[index] = kNoSymbol; }

  int unwanted = -1;

 private:
  struct Value {
    Matrix matrix;
    std::unique_ptr<Packed> packed;
  };

  Symbol add(Matrix matrix) {
    auto packed = std::make_unique<Packed>(matrix, pool_);
    values_.push_back({std::move(matrix), std::move(packed)});
    return static_cast<Symbol>(values_.size()) - 1;
  }
  std::vector<Tensor> tensors_of(const std::vector<Symbol>& symbols) const {
    std::vector<Tensor> tensors;
    for (const Symbol symbol : symbols) {
      tensors.push_back(values_[symbol].matrix.tensor());
      tensors.back().packed = values_[symbol].packed.get();
    }
    return tensors;
  }

  ThreadPool pool_{2};
  KernelContext context_{&pool_};
  Attributes attributes_;
  std::vector<Value> values_;
  std::vector<Symbol> inputs_, outputs_, output_gradients_;
  std::vector<std::optional<Matrix>> gradients_;
};

// sum over j of a(i, j) b(j, c), with what rounding may do to it.
template <class A, class B>
void expect_product(const Matrix& got, int64_t terms, A a, B b) {
  for (int64_t i = 0; i < got.shape[0]; ++i) {
    for (int64_t c = 0; c < got.shape[1]; ++c) {
      double expected = 0, magnitude = 0;
      for (int64_t j = 0; j < terms; ++j) {
        expected += a(i, j) * b(j, c);
        magnitude += std::abs(a(i, j) * b(j, c));
      }
      ASSERT_NEAR(got.at(i, c), expected, error_bound(magnitude, terms, got.dtype));
    }
  }
}

std::vector<Matrix> operands(DType dtype, std::vector<int64_t> ns) {
  std::vector<Matrix> matrices = {random_matrix(10, 24, dtype, 1)};
  for (const int64_t n : ns) matrices.push_back(random_matrix(n, 24, dtype, 7 + n));
  return matrices;
}

TEST(LinearTest, GradientsAreThoseOfTheProduct) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    EagerBuilder run(linear, operands(dtype, {40}), 3);
    linear.gradient(run);
    const Matrix &x = run.value(run.input(0)), &w = run.value(run.input(1));
    const Matrix& dy = run.value(run.output_gradient(0));
    expect_product(
        run.value(run.output(0)), 24, [&](auto i, auto j) { return x.at(i, j); },
        [&](auto j, auto c) { return w.at(c, j); });
    expect_product(
        *run.gradient(0), 40, [&](auto i, auto j) { return dy.at(i, j); },
        [&](auto j, auto c) { return w.at(j, c); });
    expect_product(
        *run.gradient(1), 10, [&](auto i, auto j) { return dy.at(j, i); },
        [&](auto j, auto c) { return x.at(j, c); });
    EXPECT_EQ(run.gradient(0)->dtype, dtype);
  }
}

TEST(LinearTest, ForwardIsSlicedAndInputGradientIsNot) {
  ThreadPool pool(1);
  EagerBuilder run(linear, operands(DType::f32, {36}), 3);
  linear.gradient(run);
  const Packed packed(run.value(run.input(1)), pool);
  Matrix y(10, 36, DType::f32), dx(10, 24, DType::f32);
  matmul(run.value(run.input(0)).tensor(), packed, y.tensor(), 3, pool);
  const Tensor dy = run.value(run.output_gradient(0)).tensor();
  const PackedWeight* weight = &packed;
  matmul_input_gradient({&dy, 1}, {&weight, 1}, dx.tensor(), 1, pool);
  EXPECT_EQ(run.value(run.output(0)), y);
  EXPECT_EQ(*run.gradient(0), dx);
}

TEST(LinearTest, LogitsAreFloatsAndTheirGradientHasTheInputsType) {
  EagerBuilder run(linear_f32, operands(DType::bf16, {40}), 1);
  linear_f32.gradient(run);
  EXPECT_EQ(run.value(run.output(0)).dtype, DType::f32);
  EXPECT_EQ(run.gradient(0)->dtype, DType::bf16);
  const Matrix &x = run.value(run.input(0)), &w = run.value(run.input(1));
  const Matrix& dy = run.value(run.output_gradient(0));
  const auto rounded = [&](auto i, auto j) {
    return to_float(to_bf16(static_cast<float>(dy.at(i, j))));
  };
  expect_product(*run.gradient(0), 40, rounded, [&](auto j, auto c) { return w.at(j, c); });
  expect_product(
      *run.gradient(1), 10, [&](auto i, auto j) { return rounded(j, i); },
      [&](auto j, auto c) { return x.at(j, c); });
}

TEST(LinearTest, ComputesOnlyTheGradientsThatAreWanted) {
  EagerBuilder frozen(linear, operands(DType::f32, {40}), 1);
  frozen.unwanted = 1;
  linear.gradient(frozen);
  EXPECT_TRUE(frozen.gradient(0) && !frozen.gradient(1));
  EagerBuilder first_layer(linear, operands(DType::f32, {40}), 1);
  first_layer.unwanted = 0;
  linear.gradient(first_layer);
  EXPECT_TRUE(!first_layer.gradient(0) && first_layer.gradient(1));
}

TEST(LinearTest, ShapeErrorNamesTheOpAndTheSizes) {
  const Shape inputs[] = {{kTokens, 24}, {40, 32}};
  try {
    infer_shapes(linear, {}, inputs);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("linear"), HasSubstr("24"), HasSubstr("32")));
  }
}

TEST(LinearGroupTest, OutputsAreThoseOfEachWeightAlone) {
  ThreadPool pool(1);
  EagerBuilder run(linear_group, operands(DType::f32, {48, 24, 12}), 3);
  for (int i = 0; i < 3; ++i) {
    const Matrix& w = run.value(run.input(i + 1));
    Matrix y(10, w.shape[0], DType::f32);
    matmul(run.value(run.input(0)).tensor(), Packed(w, pool), y.tensor(), 1, pool);
    EXPECT_EQ(run.value(run.output(i)), y);
  }
}

TEST(LinearGroupTest, InputGradientIsOneSumOverAllWeightsInSlices) {
  for (const std::vector<int64_t>& ns : {std::vector<int64_t>{48, 24, 12}, {48, 48}}) {
    EagerBuilder run(linear_group, operands(DType::f32, ns), 3);
    linear_group.gradient(run);
    for (int64_t i = 0; i < 10; ++i) {
      for (int64_t c = 0; c < 24; ++c) {
        std::vector<float> sums(3, 0.f);
        for (int slice = 0; slice < 3; ++slice) {
          for (size_t part = 0; part < ns.size(); ++part) {
            const Matrix& dy = run.value(run.output_gradient(part));
            const Matrix& w = run.value(run.input(part + 1));
            for (int64_t j = slice * ns[part] / 3; j < (slice + 1) * ns[part] / 3; ++j)
              sums[slice] = std::fma(static_cast<float>(dy.at(i, j)),
                                     static_cast<float>(w.at(j, c)), sums[slice]);
          }
        }
        ASSERT_EQ(run.gradient(0)->at(i, c), binary_counter(sums));
      }
    }
  }
}

TEST(LinearGroupTest, WeightGradientsAreEachTheirOwn) {
  EagerBuilder run(linear_group, operands(DType::bf16, {48, 24}), 1);
  linear_group.gradient(run);
  const Matrix& x = run.value(run.input(0));
  for (int part = 0; part < 2; ++part) {
    const Matrix& dy = run.value(run.output_gradient(part));
    expect_product(
        *run.gradient(part + 1), 10, [&](auto i, auto j) { return dy.at(j, i); },
        [&](auto j, auto c) { return x.at(j, c); });
  }
}

TEST(LinearGroupTest, LeavesOutWhatNothingFlowsBackInto) {
  EagerBuilder run(linear_group, operands(DType::f32, {48, 24}), 1);
  run.drop_output_gradient(0);
  linear_group.gradient(run);
  EXPECT_FALSE(run.gradient(1));
  const Matrix& dy = run.value(run.output_gradient(1));
  const Matrix& w = run.value(run.input(2));
  expect_product(
      *run.gradient(0), 24, [&](auto i, auto j) { return dy.at(i, j); },
      [&](auto j, auto c) { return w.at(j, c); });
}

TEST(LinearGroupTest, ShapeErrorsNameTheOpAndTheSizes) {
  const std::vector<std::vector<Shape>> wrong = {
      {{kTokens, 24}, {40, 32}}, {{kTokens, 24}}, {{kTokens, 24}, {24}}};
  for (const auto& inputs : wrong) {
    try {
      infer_shapes(linear_group, {}, inputs);
      FAIL();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("op = linear_group"));
    }
  }
  const Shape uncut[] = {{kTokens, 40}, {40, 24}};
  Attributes attributes;
  attributes.num_slices = 3;
  try {
    infer_shapes(linear_group_input_gradient, attributes, uncut);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("linear_group_input_gradient"), HasSubstr("[40, 24]"),
                                    HasSubstr("3")));
  }
}

}  // namespace
}  // namespace troupe
