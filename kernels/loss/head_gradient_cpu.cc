#include <utility>

#include "base/error.h"
#include "kernels/loops.h"
#include "kernels/loss/head_chunks.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/loss/with_temperature.h"
#include "kernels/math.h"

namespace troupe {
namespace {

// What the gradient knows of each of a pack's tokens; gradients may be absent.
struct TokenValues {
  const int32_t* targets;
  const float *entropy, *log_sum_exp, *d_log_prob, *d_entropy;

  float slope_of_log_prob(int32_t t) const { return d_log_prob ? d_log_prob[t] : 0; }
  float slope_of_entropy(int32_t t) const { return d_entropy ? d_entropy[t] : 0; }
  bool has_gradient(int32_t t) const {
    return slope_of_log_prob(t) != 0 || slope_of_entropy(t) != 0;
  }
};

// With p = softmax(z), z = logits / temperature: d z = d_log_prob (onehot - p)
//   - d_entropy p (log p + entropy), and d logits = d z / temperature.
template <class T, class Over>
void differentiate_row(const float* logits, const HeadVocabulary& vocabulary, const Over& over,
                       const TokenValues& values, int32_t t, T* d_logits) {
  const Vec shift = set1(values.log_sum_exp[t]), entropy = set1(values.entropy[t]);
  const Vec d_log_prob = set1(values.slope_of_log_prob(t));
  const Vec d_entropy = set1(values.slope_of_entropy(t));
  const auto d_z = [&](Vec x, Vec onehot) {
    const Vec log_p = sub(over(x), shift);
    const Vec slope = fma(d_entropy, add(log_p, entropy), d_log_prob);
    return over(fnma(exp(log_p), slope, mul(onehot, d_log_prob)));
  };
  const bool is_here = vocabulary.holds(values.targets[t]);
  const int64_t target = is_here ? values.targets[t] - vocabulary.first : 0;
  const float target_logit = logits[target];
  for_vectors(0, vocabulary.count, [&](int64_t v, auto lanes) {
    store(d_logits + v, d_z(load(logits + v, lanes), zero()), lanes);
  });
  if (is_here) store(d_logits + target, d_z(set1(target_logit), set1(1)), Mask{1});
}

// Collects the gradients of the hidden states and, unless it is frozen, of the weight.
class HeadGradient {
 public:
  HeadGradient(const KernelArgs& args, const HeadProduct& head)
      : args_(args),
        head_(head),
        vocabulary_(args, head.weight.n()),
        d_hidden_(args.outputs[0]),
        d_hidden_bytes_(d_hidden_.columns() * static_cast<int64_t>(size_of(d_hidden_.dtype))) {
    std::memset(d_hidden_.data, 0, d_hidden_.rows() * d_hidden_bytes_);
    if (args.outputs.size() == 1) return;
    d_weight_ = args.outputs[1].as<float>();
    if (args.outputs[1].holds_nothing) onto_ = Onto::nothing;
  }

  // Of the tokens `rows`, whose hidden states and logits these are; f32 logits are written over.
  void add(std::span<const int32_t> rows, const Tensor& chosen, const Tensor& logits,
           const TokenValues& values) {
    if (rows.empty()) return;
    Tensor d_logits;
    for_float_type(head_.weight.dtype(), [&](auto zero_of_type) {
      d_logits = differentiate<decltype(zero_of_type)>(rows, logits, values);
    });
    add_hidden(rows, d_logits);
    if (d_weight_) matmul_weight_gradient(d_logits, chosen, d_weight_, head_.pool, onto_);
    onto_ = Onto::sum;
  }

  void finish() const {
    if (onto_ == Onto::nothing) std::fill_n(d_weight_, num_elements(args_.outputs[1].shape), 0.0f);
  }

 private:
  template <class T>
  Tensor differentiate(std::span<const int32_t> rows, const Tensor& logits,
                       const TokenValues& values) const {
    Tensor d_logits = logits;  // f32: in place
    const int64_t count = logits.rows(), vocab_size = logits.columns();
    if constexpr (sizeof(T) == sizeof(Bf16)) {
      d_logits.data =
          HeadScratch::at_least(head_scratch().d_logits, count * vocab_size * sizeof(T));
      d_logits.dtype = DType::bf16;
    }
    parallel_for(args_.context, count, vocab_size * kCostOfLogit, [&](int64_t begin, int64_t end) {
      with_temperature(args_.attributes.temperature, [&](const auto& over) {
        for (int64_t i = begin; i < end; ++i)
          differentiate_row(logits.as<float>() + i * vocab_size, vocabulary_, over, values, rows[i],
                            d_logits.as<T>() + i * vocab_size);
      });
    });
    return d_logits;
  }

  // In the hidden states' dtype, or, where shards are still to be added, in f32.
  void add_hidden(std::span<const int32_t> rows, const Tensor& d_logits) const {
    const auto count = static_cast<int64_t>(rows.size());
    const Tensor d_chosen = {
        HeadScratch::at_least(head_scratch().d_hidden, count * d_hidden_bytes_),
        d_hidden_.dtype,
        {count, d_hidden_.columns()}};
    const PackedWeight* weight = &head_.weight;
    matmul_input_gradient({&d_logits, 1}, {&weight, 1}, d_chosen, vocabulary_.num_slices,
                          head_.pool);
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(d_hidden_.as<char>() + rows[i] * d_hidden_bytes_,
                  d_chosen.as<char>() + static_cast<int64_t>(i) * d_hidden_bytes_, d_hidden_bytes_);
  }

  const KernelArgs& args_;
  const HeadProduct& head_;
  HeadVocabulary vocabulary_;
  const Tensor& d_hidden_;
  int64_t d_hidden_bytes_;  // of a row
  float* d_weight_ = nullptr;
  Onto onto_ = Onto::sum;
};

// Tensor's rows `kept` (ascending) move to its front.
void keep_rows(std::span<const size_t> kept, Tensor& tensor) {
  const auto row_bytes = tensor.columns() * static_cast<int64_t>(size_of(tensor.dtype));
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != i)
      std::memcpy(tensor.as<char>() + static_cast<int64_t>(i) * row_bytes,
                  tensor.as<char>() + static_cast<int64_t>(kept[i]) * row_bytes, row_bytes);
  tensor.shape[0] = static_cast<int64_t>(kept.size());
}

// A pack's tokens while their loss is asked for.
class LossVisit {
 public:
  LossVisit(const KernelArgs& args, const HeadProduct& head)
      : args_(args), head_(head), gradient_(args, head), tokens_(head.hidden.rows()) {
    CHECK(args.context.token_loss != nullptr);
    for (auto* values : {&log_prob_, &entropy_, &log_sum_exp_, &d_log_prob_, &d_entropy_})
      values->resize(tokens_);
  }

  // Tokens [next_, end), of which `rows` have targets.
  void visit(std::span<const int32_t> rows, int64_t end) {
    Tensor chosen, logits;
    if (!rows.empty()) {
      chosen = head_.gather(rows);
      logits = head_.logits_of(chosen);
      read_head_rows(args_, logits, rows, {log_prob_.data(), entropy_.data(), log_sum_exp_.data()});
    }
    const int64_t first = std::exchange(next_, end);
    const auto part = [&](auto& values) { return std::span(values).subspan(first, end - first); };
    (*args_.context.token_loss)(
        {first, part(log_prob_), part(entropy_), part(d_log_prob_), part(d_entropy_)});
    add_gradient(rows, chosen, logits);
  }

  void finish() {
    if (next_ < tokens_) visit({}, tokens_);
    gradient_.finish();
  }

 private:
  void add_gradient(std::span<const int32_t> rows, Tensor& chosen, Tensor& logits) {
    const TokenValues values = {args_.inputs[2].as<int32_t>(), entropy_.data(), log_sum_exp_.data(),
                                d_log_prob_.data(), d_entropy_.data()};
    std::vector<size_t> kept;
    std::vector<int32_t> kept_rows;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!values.has_gradient(rows[i])) continue;
      kept.push_back(i);
      kept_rows.push_back(rows[i]);
    }
    if (kept.empty()) return;
    keep_rows(kept, chosen);
    keep_rows(kept, logits);
    gradient_.add(kept_rows, chosen, logits, values);
  }

  const KernelArgs& args_;
  const HeadProduct& head_;
  HeadGradient gradient_;
  int64_t tokens_, next_ = 0;
  std::vector<float> log_prob_, entropy_, log_sum_exp_, d_log_prob_, d_entropy_;
};

}  // namespace

void head_log_prob_gradient_cpu(const KernelArgs& args) {
  const HeadProduct head(args);
  const int64_t tokens = head.hidden.rows();
  const int64_t vocab_size = HeadVocabulary(args, head.weight.n()).size;
  const TokenValues values = {args.inputs[2].as<int32_t>(), args.inputs[3].as<float>(),
                              args.inputs[4].as<float>(), args.inputs[5].as<float>(),
                              args.inputs[6].as<float>()};
  HeadGradient gradient(args, head);
  const auto takes_part = [&](int64_t t) {
    return has_target(values.targets, t, vocab_size) &&
           values.has_gradient(static_cast<int32_t>(t));
  };
  for_head_chunks(tokens, vocab_size, takes_part, [&](std::span<const int32_t> rows) {
    const Tensor chosen = head.gather(rows);
    gradient.add(rows, chosen, head.logits_of(chosen), values);
  });
  gradient.finish();
}

void head_loss_gradient_cpu(const KernelArgs& args) {
  const HeadProduct head(args);
  const int64_t vocab_size = HeadVocabulary(args, head.weight.n()).size;
  const auto* targets = args.inputs[2].as<int32_t>();
  LossVisit visit(args, head);
  const auto takes_part = [&](int64_t t) { return has_target(targets, t, vocab_size); };
  for_head_chunks(head.hidden.rows(), vocab_size, takes_part,
                  [&](std::span<const int32_t> rows) { visit.visit(rows, rows.back() + 1); });
  visit.finish();
}

}  // namespace troupe
