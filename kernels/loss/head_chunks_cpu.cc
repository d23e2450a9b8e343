#include "base/error.h"
#include "kernels/loops.h"
#include "kernels/loss/head_chunks.h"
#include "kernels/loss/log_softmax.h"

namespace troupe {

HeadScratch& head_scratch() {
  thread_local HeadScratch scratch;
  return scratch;
}

HeadProduct::HeadProduct(const KernelArgs& args)
    : hidden(args.inputs[0]), weight(*args.inputs[1].packed), pool(*args.context.pool) {
  CHECK(hidden.columns() == weight.k(), hidden.columns(), weight.k());
  CHECK(hidden.dtype == weight.dtype(), name_of(hidden.dtype), name_of(weight.dtype()));
  CHECK(args.attributes.temperature > 0, args.attributes.temperature);
}

Tensor HeadProduct::rows_tensor(Buffer& buffer, int64_t count) const {
  return {
      HeadScratch::at_least(buffer, count * row_bytes()), hidden.dtype, {count, hidden.columns()}};
}

Tensor HeadProduct::gather(std::span<const int32_t> rows) const {
  Tensor chosen = rows_tensor(head_scratch().hidden, static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(chosen.as<char>() + static_cast<int64_t>(i) * row_bytes(),
                hidden.as<char>() + rows[i] * row_bytes(), row_bytes());
  return chosen;
}

Tensor HeadProduct::logits_of(const Tensor& chosen) const {
  const int64_t bytes = chosen.rows() * weight.n() * static_cast<int64_t>(sizeof(float));
  Tensor logits = {
      HeadScratch::at_least(head_scratch().logits, bytes), DType::f32, {chosen.rows(), weight.n()}};
  matmul(chosen, weight, logits, 1, pool);
  return logits;
}

bool has_target(const int32_t* targets, int64_t token, int64_t vocab_size) {
  const int32_t target = targets[token];
  CHECK(target >= -1 && target < vocab_size, target, vocab_size);
  return target >= 0;
}

void read_head_rows(const KernelArgs& args, const Tensor& logits, std::span<const int32_t> rows,
                    const HeadReadings& readings) {
  const int64_t vocab_size = logits.columns();
  const auto* targets = args.inputs[2].as<int32_t>();
  const float temperature = args.attributes.temperature;
  parallel_for(args.context, logits.rows(), vocab_size * kCostOfLogit,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const float* row = logits.as<float>() + i * vocab_size;
                   const int32_t t = rows[i];
                   const auto statistics = log_softmax_statistics(row, vocab_size, temperature);
                   readings.log_prob[t] = log_prob_of(row, targets[t], temperature, statistics);
                   readings.entropy[t] = statistics.entropy;
                   readings.log_sum_exp[t] = statistics.log_sum_exp;
                 }
               });
}

}  // namespace troupe
