// Runs ops and their gradients on small tensors, eagerly, and knows the slow truth in double.
#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/kernel_args.h"
#include "kernels/op.h"

namespace troupe {

// A tensor that owns its memory.
struct Values {
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;
  const PackedWeight* packed = nullptr;

  Values() = default;
  Values(Shape shape_, DType dtype_)
      : shape(std::move(shape_)), dtype(dtype_), bytes(num_elements(shape) * size_of(dtype)) {}

  Tensor tensor() const { return {const_cast<std::byte*>(bytes.data()), dtype, shape, packed}; }
  template <class T>
  T* as() const {
    return tensor().as<T>();
  }
  double at(int64_t i) const {
    if (dtype == DType::i32) return as<int32_t>()[i];
    return dtype == DType::bf16 ? to_float(as<Bf16>()[i]) : as<float>()[i];
  }
  void set(int64_t i, float x) {
    if (dtype == DType::bf16)
      as<Bf16>()[i] = to_bf16(x);
    else
      as<float>()[i] = x;
  }
  std::vector<double> doubles() const {
    std::vector<double> result;
    for (int64_t i = 0; i < num_elements(shape); ++i) result.push_back(at(i));
    return result;
  }
  // Rows [begin, end).
  Values rows(int64_t begin, int64_t end) const {
    Values part({end - begin, shape[1]}, dtype);
    const auto row_bytes = bytes.size() / shape[0];
    part.bytes.assign(bytes.begin() + begin * row_bytes, bytes.begin() + end * row_bytes);
    return part;
  }
};

inline Values random_values(Shape shape, DType dtype, uint32_t seed, float scale = 1) {
  Values values(std::move(shape), dtype);
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, scale);
  for (int64_t i = 0; i < num_elements(values.shape); ++i) values.set(i, normal(engine));
  return values;
}

inline Values integer_values(const std::vector<int32_t>& numbers) {
  Values values({static_cast<int64_t>(numbers.size())}, DType::i32);
  std::memcpy(values.bytes.data(), numbers.data(), values.bytes.size());
  return values;
}

// A pack of sequences of these lengths, with ids below vocab_size.
inline Pack random_pack(const std::vector<int>& lengths, int vocab_size, uint32_t seed = 1) {
  Pack pack;
  std::mt19937 engine(seed);
  for (int length : lengths) {
    std::vector<int32_t> ids(length);
    for (auto& id : ids) id = static_cast<int32_t>(engine() % vocab_size);
    pack.append(ids);
  }
  return pack;
}

// The op's outputs, allocated by its own rules. `onto`: where the last output is to be added.
inline std::vector<Values> run_op(const OpDef& op, const std::vector<Values>& inputs,
                                  const Attributes& attributes, const KernelContext& context,
                                  const Values* onto = nullptr) {
  std::vector<Shape> shapes;
  for (const auto& input : inputs) shapes.push_back(input.shape);
  std::vector<Values> outputs;
  for (auto& shape : infer_shapes(op, attributes, shapes)) {
    for (auto& size : shape)
      if (size == kTokens) size = context.pack->num_tokens();
    const bool like_first = op.dtypes.at(outputs.size()) == '=';
    outputs.emplace_back(shape, like_first ? inputs[0].dtype : DType::f32);
  }
  if (onto) outputs.back().bytes = onto->bytes;
  std::vector<Tensor> in, out;
  for (const auto& input : inputs) in.push_back(input.tensor());
  for (const auto& output : outputs) out.push_back(output.tensor());
  if (onto) out.back().holds_nothing = std::isnan(onto->as<float>()[0]);
  op.cpu({in, out, attributes, context});
  return outputs;
}

// Differentiates one op by running the backward ops at once.
class EagerGradients : public GradientBuilder {
 public:
  EagerGradients(const OpDef& op, std::vector<Values> inputs, Attributes attributes,
                 KernelContext context)
      : attributes_(std::move(attributes)), context_(context), num_inputs_(inputs.size()) {
    outputs_ = run_op(op, inputs, attributes_, context);
    values_ = std::move(inputs);
    values_.insert(values_.end(), outputs_.begin(), outputs_.end());
    gradients_.resize(num_inputs_);
  }
  // One gradient per output; an empty one stands for none. Weights' gradients start at `onto`; a
  // NaN stands for memory that holds nothing yet.
  const std::vector<Values>& backward(const OpDef& op, const std::vector<Values>& dys,
                                      float onto = 0) {
    onto_ = onto;
    for (const auto& dy : dys) output_gradients_.push_back(dy.bytes.empty() ? kNoSymbol : push(dy));
    op.gradient(*this);
    return gradients_;
  }
  const std::vector<Values>& outputs() const { return outputs_; }
  std::vector<bool> wanted;  // empty: all

  const Attributes& attributes() const override { return attributes_; }
  int num_inputs() const override { return static_cast<int>(num_inputs_); }
  Symbol input(int index) const override { return index; }
  Symbol output(int index) const override { return static_cast<Symbol>(num_inputs_) + index; }
  Symbol output_gradient(int index) const override { return output_gradients_.at(index); }
  bool wants_gradient(int index) const override { return wanted.empty() || wanted[index]; }
  std::vector<Symbol> apply(const OpDef& op, std::vector<Symbol> inputs,
                            const Attributes& attributes) override {
    return push_all(run_op(op, gather(inputs), attributes, context_));
  }
  void set_input_gradient(int index, Symbol gradient) override {
    gradients_[index] = values_.at(gradient);
  }
  std::vector<Symbol> accumulate_weight_gradient(int index, const OpDef& op,
                                                 std::vector<Symbol> inputs,
                                                 const Attributes& attributes) override {
    Values buffer(values_[index].shape, DType::f32);
    for (int64_t i = 0; i < num_elements(buffer.shape); ++i) buffer.set(i, onto_);
    auto outputs = run_op(op, gather(inputs), attributes, context_, &buffer);
    gradients_[index] = outputs.back();
    outputs.pop_back();
    return push_all(outputs);
  }

 private:
  Symbol push(const Values& values) {
    values_.push_back(values);
    return static_cast<Symbol>(values_.size()) - 1;
  }
  std::vector<Symbol> push_all(const std::vector<Values>& all) {
    std::vector<Symbol> symbols;
    for (const auto& values : all) symbols.push_back(push(values));
    return symbols;
  }
  std::vector<Values> gather(const std::vector<Symbol>& symbols) const {
    std::vector<Values> result;
    for (Symbol symbol : symbols)
      result.push_back(symbol == kNoSymbol ? Values() : values_.at(symbol));
    return result;
  }

  Attributes attributes_;
  KernelContext context_;
  size_t num_inputs_;
  std::vector<Values> values_, outputs_, gradients_;
  std::vector<Symbol> output_gradients_;
  float onto_ = 0;
};

// d loss / d inputs[index] by central differences, where loss = sum of dy * function(inputs).
using Doubles = std::vector<double>;
using DoubleFunction = std::function<Doubles(const std::vector<Doubles>&)>;
inline Doubles finite_differences(const DoubleFunction& function, std::vector<Doubles> inputs,
                                  size_t index, const Doubles& dy) {
  const auto loss = [&] {
    const Doubles y = function(inputs);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
    return sum;
  };
  Doubles gradient;
  constexpr double kStep = 1e-5;
  for (double& x : inputs[index]) {
    const double kept = x;
    x = kept + kStep;
    const double above = loss();
    x = kept - kStep;
    gradient.push_back((above - loss()) / (2 * kStep));
    x = kept;
  }
  return gradient;
}

// The largest |a - b|, in units of the largest |b|, at least 1e-3.
inline double relative_error(const Values& a, const Doubles& b) {
  CHECK(num_elements(a.shape) == static_cast<int64_t>(b.size()), to_string(a.shape), b.size());
  double worst = 0, largest = 1e-3;
  for (size_t i = 0; i < b.size(); ++i) {
    worst = std::max(worst, std::abs(a.at(static_cast<int64_t>(i)) - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

inline double tolerance(DType dtype) {
  return dtype == DType::f32 ? 2e-6 : 1e-2;
}

}  // namespace troupe
