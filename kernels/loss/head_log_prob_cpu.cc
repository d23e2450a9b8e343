#include <algorithm>
#include <cstring>
#include <vector>

#include "devices/cpu/buffer.h"
#include "kernels/loops.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/loss/with_temperature.h"
#include "kernels/math.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

constexpr int64_t kChunkLogits = int64_t{1} << 23;  // 32 MiB
constexpr int64_t kMaxChunkRows = 512;
constexpr int64_t kCostOfRow = 16;  // per logit, against a plain addition

// Even, so that bf16's pairs of tokens stay whole.
int64_t chunk_rows(int64_t vocab_size) {
  return std::clamp<int64_t>(kChunkLogits / vocab_size / 2 * 2, 16, kMaxChunkRows);
}

// Slices of the vocabulary in the hidden states' gradient. In one long sum the thousands of small
// probabilities would be lost beside the target's row. Powers of two, so that ranks of a vocabulary
// cut in 2, 4, 8 ... own whole subtrees; even slices of at least 256 ids, for bf16's pairs.
int vocab_slices(int64_t vocab_size) {
  int slices = 1;
  while (slices < 128 && vocab_size % (4 * slices) == 0 && vocab_size / slices >= 512) slices *= 2;
  return slices;
}

struct Scratch {
  std::vector<int32_t> rows;  // tokens that take part
  Buffer hidden, d_hidden;    // of these
  Buffer logits, d_logits;

  // One of the buffers, made large enough for `num_bytes`.
  static void* at_least(Buffer& buffer, int64_t num_bytes) {
    buffer.at_least(static_cast<size_t>(num_bytes));
    return buffer.data();
  }
};

Scratch& scratch() {
  thread_local Scratch scratch;
  return scratch;
}

// The head of one call: hidden states in, logits of a chunk of chosen tokens out.
struct Head {
  const Tensor& hidden;
  const PackedWeight& weight;
  ThreadPool& pool;

  explicit Head(const KernelArgs& args)
      : hidden(args.inputs[0]), weight(*args.inputs[1].packed), pool(*args.context.pool) {
    CHECK(hidden.columns() == weight.k(), hidden.columns(), weight.k());
    CHECK(hidden.dtype == weight.dtype(), name_of(hidden.dtype), name_of(weight.dtype()));
  }
  int64_t row_bytes() const {
    return hidden.columns() * static_cast<int64_t>(size_of(hidden.dtype));
  }
  Tensor rows_tensor(Buffer& buffer, int64_t count) const {
    return {
        Scratch::at_least(buffer, count * row_bytes()), hidden.dtype, {count, hidden.columns()}};
  }
  Tensor gather(std::span<const int32_t> rows) const {
    Tensor chosen = rows_tensor(scratch().hidden, static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(chosen.as<char>() + static_cast<int64_t>(i) * row_bytes(),
                  hidden.as<char>() + rows[i] * row_bytes(), row_bytes());
    return chosen;
  }
  Tensor logits_of(const Tensor& chosen) const {
    const int64_t bytes = chosen.rows() * weight.n() * static_cast<int64_t>(sizeof(float));
    Tensor logits = {
        Scratch::at_least(scratch().logits, bytes), DType::f32, {chosen.rows(), weight.n()}};
    matmul(chosen, weight, logits, 1, pool);
    return logits;
  }
};

// body(rows) for chunk after chunk of the tokens that `takes_part`.
template <class TakesPart, class Body>
void for_chunks(int64_t tokens, int64_t vocab_size, TakesPart&& takes_part, Body&& body) {
  auto& rows = scratch().rows;
  rows.clear();
  for (int64_t t = 0; t < tokens; ++t)
    if (takes_part(t)) rows.push_back(static_cast<int32_t>(t));
  const auto size = static_cast<size_t>(chunk_rows(vocab_size));
  for (size_t begin = 0; begin < rows.size(); begin += size)
    body(std::span(rows).subspan(begin, std::min(size, rows.size() - begin)));
}

void check_target(int32_t target, int64_t vocab_size) {
  CHECK(target >= -1 && target < vocab_size, target, vocab_size);
}

// What the gradient knows of one token.
struct RowGradient {
  int32_t target;
  float entropy, log_sum_exp, d_log_prob, d_entropy;
};

// With p = softmax(z), z = logits / temperature: d z = d_log_prob (onehot - p)
//   - d_entropy p (log p + entropy), and d logits = d z / temperature.
template <class T, class Over>
void differentiate_row(const float* logits, int64_t vocab_size, const Over& over,
                       const RowGradient& row, T* d_logits) {
  const Vec shift = set1(row.log_sum_exp);
  const auto d_z = [&](Vec x, Vec onehot) {
    const Vec log_p = sub(over(x), shift);
    const Vec slope = fma(set1(row.d_entropy), add(log_p, set1(row.entropy)), set1(row.d_log_prob));
    return over(fnma(exp(log_p), slope, mul(onehot, set1(row.d_log_prob))));
  };
  const float target_logit = logits[row.target];
  for_vectors(0, vocab_size, [&](int64_t v, auto lanes) {
    store(d_logits + v, d_z(load(logits + v, lanes), zero()), lanes);
  });
  store(d_logits + row.target, d_z(set1(target_logit), set1(1)), Mask{1});
}

}  // namespace

int64_t head_chunk_rows(int64_t vocab_size, int64_t num_tokens) {
  return std::min(num_tokens, chunk_rows(vocab_size));
}

int64_t head_bytes(int64_t rows, int64_t vocab_size, int64_t hidden_size, DType dtype,
                   bool with_gradients) {
  const auto size = static_cast<int64_t>(size_of(dtype));
  const int64_t hidden = rows * hidden_size * size, logits = rows * vocab_size * 4;
  if (!with_gradients) return hidden + logits;
  return 2 * hidden + logits + (dtype == DType::bf16 ? rows * vocab_size * size : 0);
}

void head_log_prob_cpu(const KernelArgs& args) {
  const Head head(args);
  const int64_t tokens = head.hidden.rows(), vocab_size = head.weight.n();
  const auto* targets = args.inputs[2].as<int32_t>();
  float *log_prob = args.outputs[0].as<float>(), *entropy = args.outputs[1].as<float>(),
        *log_sum_exp = args.outputs[2].as<float>();
  for (float* output : {log_prob, entropy, log_sum_exp}) std::fill_n(output, tokens, 0.0f);
  const float temperature = args.attributes.temperature;
  CHECK(temperature > 0, temperature);

  const auto takes_part = [&](int64_t t) {
    check_target(targets[t], vocab_size);
    return targets[t] >= 0;
  };
  for_chunks(tokens, vocab_size, takes_part, [&](std::span<const int32_t> rows) {
    const Tensor logits = head.logits_of(head.gather(rows));
    parallel_for(args.context, logits.rows(), vocab_size * kCostOfRow,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const float* row = logits.as<float>() + i * vocab_size;
                     const int32_t t = rows[i];
                     const auto statistics = log_softmax_statistics(row, vocab_size, temperature);
                     log_prob[t] = log_prob_of(row, targets[t], temperature, statistics);
                     entropy[t] = statistics.entropy;
                     log_sum_exp[t] = statistics.log_sum_exp;
                   }
                 });
  });
}

void head_log_prob_gradient_cpu(const KernelArgs& args) {
  const Head head(args);
  const int64_t tokens = head.hidden.rows(), vocab_size = head.weight.n();
  const auto* targets = args.inputs[2].as<int32_t>();
  const auto *entropy = args.inputs[3].as<float>(), *log_sum_exp = args.inputs[4].as<float>(),
             *d_log_prob = args.inputs[5].as<float>(), *d_entropy = args.inputs[6].as<float>();
  const Tensor& d_hidden = args.outputs[0];
  float* d_weight = args.outputs.size() > 1 ? args.outputs[1].as<float>() : nullptr;
  Onto onto = d_weight && args.outputs[1].holds_nothing ? Onto::nothing : Onto::sum;
  std::memset(d_hidden.data, 0, tokens * head.row_bytes());

  const auto gradient_of = [&](int64_t t) {
    return RowGradient{targets[t], entropy[t], log_sum_exp[t], d_log_prob ? d_log_prob[t] : 0,
                       d_entropy ? d_entropy[t] : 0};
  };
  const auto takes_part = [&](int64_t t) {
    check_target(targets[t], vocab_size);
    const auto row = gradient_of(t);
    return row.target >= 0 && (row.d_log_prob != 0 || row.d_entropy != 0);
  };
  for_float_type(head.weight.dtype(), [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    for_chunks(tokens, vocab_size, takes_part, [&](std::span<const int32_t> rows) {
      const auto count = static_cast<int64_t>(rows.size());
      const Tensor chosen = head.gather(rows), logits = head.logits_of(chosen);
      Tensor d_logits = logits;  // f32: in place
      if constexpr (sizeof(T) == sizeof(Bf16)) {
        d_logits.data = Scratch::at_least(scratch().d_logits, count * vocab_size * sizeof(Bf16));
        d_logits.dtype = DType::bf16;
      }
      parallel_for(args.context, count, vocab_size * kCostOfRow, [&](int64_t begin, int64_t end) {
        with_temperature(args.attributes.temperature, [&](const auto& over) {
          for (int64_t i = begin; i < end; ++i)
            differentiate_row(logits.as<float>() + i * vocab_size, vocab_size, over,
                              gradient_of(rows[i]), d_logits.as<T>() + i * vocab_size);
        });
      });
      const Tensor d_chosen = head.rows_tensor(scratch().d_hidden, count);
      const PackedWeight* weight = &head.weight;
      matmul_input_gradient({&d_logits, 1}, {&weight, 1}, d_chosen, vocab_slices(vocab_size),
                            head.pool);
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(d_hidden.as<char>() + rows[i] * head.row_bytes(),
                    d_chosen.as<char>() + i * head.row_bytes(), head.row_bytes());
      if (d_weight) matmul_weight_gradient(d_logits, chosen, d_weight, head.pool, onto);
      onto = Onto::sum;
    });
  });
  if (onto == Onto::nothing) std::fill_n(d_weight, num_elements(args.outputs[1].shape), 0.0f);
}

}  // namespace troupe
