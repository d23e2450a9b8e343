#include "kernels/loss/head_log_prob.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

constexpr int64_t kChunkLogits = int64_t{1} << 24;  // 64 MiB
constexpr int64_t kMaxChunkRows = 512;

}  // namespace

// Whole steps of tokens, so that a weight's gradient has the same bits whatever a chunk's size.
int64_t head_chunk_rows(int64_t vocab_size) {
  const int64_t rows = kChunkLogits / vocab_size / kTokenStep * kTokenStep;
  return std::clamp<int64_t>(rows, kTokenStep, kMaxChunkRows);
}

int64_t head_bytes(int64_t rows, int64_t vocab_size, int64_t hidden_size, DType dtype,
                   bool with_gradients) {
  const auto size = static_cast<int64_t>(size_of(dtype));
  const int64_t hidden = rows * hidden_size * size, logits = rows * vocab_size * 4;
  if (!with_gradients) return hidden + logits;
  return 2 * hidden + logits + (dtype == DType::bf16 ? rows * vocab_size * size : 0);
}

// An absent gradient has no dims; everything else must agree.
std::vector<Shape> head_log_prob_gradient_shapes(const Attributes&, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 7, inputs.size());
  const Shape &hidden = inputs[0], &weight = inputs[1];
  CHECK(hidden.size() == 2 && weight.size() == 2, to_string(hidden), to_string(weight));
  CHECK(hidden[1] == weight[1], to_string(hidden), to_string(weight));
  for (size_t i = 2; i < inputs.size(); ++i) {
    const bool absent = i >= 5 && inputs[i].empty();
    CHECK(absent || inputs[i] == Shape{hidden[0]}, i, to_string(inputs[i]), to_string(hidden));
  }
  return {hidden, weight};
}

std::vector<Shape> head_log_prob_input_gradient_shapes(const Attributes& attributes,
                                                       std::span<const Shape> inputs) {
  return {head_log_prob_gradient_shapes(attributes, inputs)[0]};
}

void differentiate_head_log_prob(GradientBuilder& builder) {
  CHECK(builder.output_gradient(2) == kNoSymbol);
  const std::vector<Symbol> inputs = {
      builder.input(0),  builder.input(1),           builder.input(2),          builder.output(1),
      builder.output(2), builder.output_gradient(0), builder.output_gradient(1)};
  const auto& attributes = builder.attributes();
  const auto d_hidden =
      builder.wants_gradient(1)
          ? builder.accumulate_weight_gradient(1, head_log_prob_gradient, inputs, attributes)
          : builder.apply(head_log_prob_input_gradient, inputs, attributes);
  if (builder.wants_gradient(0)) builder.set_input_gradient(0, d_hidden[0]);
}

void differentiate_head_loss(GradientBuilder& builder) {
  const std::vector<Symbol> inputs = {builder.input(0), builder.input(1), builder.input(2)};
  const auto& attributes = builder.attributes();
  const auto d_hidden =
      builder.wants_gradient(1)
          ? builder.accumulate_weight_gradient(1, head_loss_gradient, inputs, attributes)
          : builder.apply(head_loss_input_gradient, inputs, attributes);
  if (builder.wants_gradient(0)) builder.set_input_gradient(0, d_hidden[0]);
}

}  // namespace troupe
