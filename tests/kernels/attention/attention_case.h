// Inputs of attention for a pack of sequences, the op run on them, and the f64 formula.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "devices/cpu/thread_pool.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/block_lists.h"
#include "kernels/attention/key_value_cache.h"
#include "kernels/kernel_args.h"

namespace troupe::attention_case {

struct Heads {
  int heads, kv_heads, head_dim;
  float soft_cap = 0;
  std::vector<float> alibi_slopes = {};  // [heads], or none
  std::vector<float> sinks = {};         // [heads], or none

  int64_t q_width() const { return int64_t{heads} * head_dim; }
  int64_t kv_width() const { return int64_t{kv_heads} * head_dim; }
  Attributes attributes(int layer = 0) const {
    Attributes attributes;
    attributes.num_attention_heads = heads;
    attributes.num_key_value_heads = kv_heads;
    attributes.head_dim = head_dim;
    attributes.layer = layer;
    attributes.soft_cap = soft_cap;
    if (!alibi_slopes.empty())
      attributes.alibi_slopes = std::make_shared<const std::vector<float>>(alibi_slopes);
    return attributes;
  }
};

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::f32 : DType::bf16;

inline float widen(float x) {
  return x;
}
inline float widen(Bf16 x) {
  return to_float(x);
}

template <class T>
std::vector<T> random_values(int64_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<T> values(count);
  for (T& value : values) {
    const float x = normal(engine);
    if constexpr (sizeof(T) == 4) {
      value = x;
    } else {
      value = to_bf16(x);
    }
  }
  return values;
}

// A sequence's tensors, one row a token; rows of several sequences are joined by the pack.
template <class T>
struct Rows {
  std::vector<T> q, k, v, d_out;

  Rows() = default;
  Rows(const Heads& shape, int64_t length, uint32_t seed)
      : q(random_values<T>(length * shape.q_width(), seed)),
        k(random_values<T>(length * shape.kv_width(), seed + 1)),
        v(random_values<T>(length * shape.kv_width(), seed + 2)),
        d_out(random_values<T>(length * shape.q_width(), seed + 3)) {}

  // Appends rows [begin, end) of another.
  void append(const Rows& from, const Heads& shape, int64_t begin, int64_t end) {
    const auto add = [&](std::vector<T>& to, const std::vector<T>& source, int64_t width) {
      to.insert(to.end(), source.begin() + begin * width, source.begin() + end * width);
    };
    add(q, from.q, shape.q_width());
    add(k, from.k, shape.kv_width());
    add(v, from.v, shape.kv_width());
    add(d_out, from.d_out, shape.q_width());
  }
};

template <class T>
struct Output {
  std::vector<T> out;
  std::vector<float> log_sum_exp;
};

template <class T>
struct Gradients {
  std::vector<T> dq, dk, dv;
};

inline void append_tokens(Pack& pack, int32_t first_position, int64_t count) {
  if (pack.sequence_starts.empty()) pack.sequence_starts.push_back(0);
  for (int64_t i = 0; i < count; ++i) {
    pack.token_ids.push_back(0);
    pack.positions.push_back(first_position + static_cast<int32_t>(i));
  }
  pack.sequence_starts.push_back(static_cast<int32_t>(pack.token_ids.size()));
}

inline Pack pack_of(const std::vector<int64_t>& lengths) {
  Pack pack;
  for (const int64_t length : lengths) append_tokens(pack, 0, length);
  return pack;
}

// One sequence with its mask.
inline Pack masked_pack(const FlashMask& mask) {
  Pack pack;
  pack.append(std::vector<int32_t>(mask.num_keys()), mask);
  return pack;
}

template <class T>
Tensor tensor(const std::vector<T>& values, int64_t width) {
  const auto rows = static_cast<int64_t>(values.size()) / width;
  return {const_cast<T*>(values.data()), kDType<T>, {rows, width}};
}

template <class T>
Output<T> run_attention(const Heads& shape, const Rows<T>& rows, const Pack& pack,
                        ThreadPool* pool = nullptr, const CacheView* cache = nullptr, int layer = 0,
                        const BlockLists* block_lists = nullptr) {
  Output<T> output = {std::vector<T>(rows.q.size()),
                      std::vector<float>(pack.num_tokens() * shape.heads)};
  std::vector<Tensor> inputs = {tensor(rows.q, shape.q_width()), tensor(rows.k, shape.kv_width()),
                                tensor(rows.v, shape.kv_width())};
  if (!shape.sinks.empty())
    inputs.push_back({const_cast<float*>(shape.sinks.data()), DType::f32, {shape.heads}});
  const Tensor outputs[] = {tensor(output.out, shape.q_width()),
                            tensor(output.log_sum_exp, shape.heads)};
  attention.cpu({inputs, outputs, shape.attributes(layer), {pool, &pack, cache, block_lists}});
  return output;
}

template <class T>
Gradients<T> run_gradient(const Heads& shape, const Rows<T>& rows, const Output<T>& output,
                          const Pack& pack, ThreadPool* pool = nullptr,
                          const BlockLists* block_lists = nullptr) {
  Gradients<T> g = {std::vector<T>(rows.q.size()), std::vector<T>(rows.k.size()),
                    std::vector<T>(rows.v.size())};
  const Tensor inputs[] = {
      tensor(rows.d_out, shape.q_width()), tensor(rows.q, shape.q_width()),
      tensor(rows.k, shape.kv_width()),    tensor(rows.v, shape.kv_width()),
      tensor(output.out, shape.q_width()), tensor(output.log_sum_exp, shape.heads)};
  const Tensor outputs[] = {tensor(g.dq, shape.q_width()), tensor(g.dk, shape.kv_width()),
                            tensor(g.dv, shape.kv_width())};
  attention_gradient.cpu(
      {inputs, outputs, shape.attributes(), {pool, &pack, nullptr, block_lists}});
  return g;
}

// The formula and, differentiated by hand, its gradients, all in f64, for one sequence.
struct Exact {
  std::vector<double> out, log_sum_exp, dq, dk, dv, d_sinks;

  template <class T>
  Exact(const Heads& s, const Rows<T>& r, int64_t n, const FlashMask& mask = {})
      : out(r.q.size()),
        log_sum_exp(n * s.heads),
        dq(r.q.size()),
        dk(r.k.size()),
        dv(r.v.size()),
        d_sinks(s.heads) {
    std::vector<HiddenRows> hidden;
    for (int64_t j = 0; j < n; ++j) hidden.push_back(hidden_rows(mask, j, static_cast<int32_t>(j)));
    for (int64_t t = 0; t < n; ++t)
      for (int h = 0; h < s.heads; ++h) add_row(s, r, hidden, t, h);
  }

 private:
  struct Key {
    int64_t at;            // of its first element
    double p = 0, dp = 0;  // the score, then the weight; its gradient
    double slope = 1;      // of the capped score
  };

  template <class T>
  static Key key_of(const Heads& s, const Rows<T>& r, int64_t t, int h, int64_t j) {
    const int64_t at = t * s.q_width() + h * s.head_dim;
    Key key = {j * s.kv_width() + h / (s.heads / s.kv_heads) * s.head_dim};
    for (int d = 0; d < s.head_dim; ++d) {
      key.p += double{widen(r.q[at + d])} * widen(r.k[key.at + d]);
      key.dp += double{widen(r.d_out[at + d])} * widen(r.v[key.at + d]);
    }
    key.p /= std::sqrt(double{1} * s.head_dim);
    if (s.soft_cap != 0) {
      const double capped = std::tanh(key.p / s.soft_cap);
      key.p = s.soft_cap * capped, key.slope = 1 - capped * capped;
    }
    if (!s.alibi_slopes.empty()) key.p -= double{s.alibi_slopes[h]} * std::abs(double(t - j));
    return key;
  }

  template <class T>
  void add_row(const Heads& s, const Rows<T>& r, const std::vector<HiddenRows>& hidden, int64_t t,
               int h) {
    std::vector<Key> keys;
    for (size_t j = 0; j < hidden.size(); ++j)
      if (!hidden[j].contains(t)) keys.push_back(key_of(s, r, t, h, static_cast<int64_t>(j)));
    const double sink = s.sinks.empty() ? -INFINITY : s.sinks[h];
    double max = sink, mean = 0;
    for (const Key& key : keys) max = std::max(max, key.p);
    double total = sink == -INFINITY ? 0 : std::exp(sink - max);
    for (Key& key : keys) total += key.p = std::exp(key.p - max);
    for (Key& key : keys) mean += (key.p /= total) * key.dp;
    log_sum_exp[t * s.heads + h] = total == 0 ? -INFINITY : max + std::log(total);
    if (!s.sinks.empty()) d_sinks[h] -= std::exp(sink - max) / total * mean;
    for (const Key& key : keys) add_key(s, r, key, t * s.q_width() + h * s.head_dim, mean);
  }

  template <class T>
  void add_key(const Heads& s, const Rows<T>& r, const Key& key, int64_t at, double mean) {
    const double ds = key.p * (key.dp - mean) * key.slope / std::sqrt(double{1} * s.head_dim);
    for (int d = 0; d < s.head_dim; ++d) {
      out[at + d] += key.p * widen(r.v[key.at + d]);
      dq[at + d] += ds * widen(r.k[key.at + d]);
      dk[key.at + d] += ds * widen(r.q[at + d]);
      dv[key.at + d] += key.p * widen(r.d_out[at + d]);
    }
  }
};

// The largest |a - b| over 1 + |b|.
template <class T>
double worst_error(const std::vector<T>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < b.size(); ++i) {
    if (std::isinf(b[i]) && widen(a[i]) == b[i]) continue;  // a row that sees no key
    const double error = std::abs(widen(a[i]) - b[i]) / (1 + std::abs(b[i]));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

// Whether rows [begin, begin + part's rows) of `whole` have the bits of `part`.
template <class T>
bool same_bits(const std::vector<T>& part, const std::vector<T>& whole, int64_t first_element = 0) {
  return first_element + part.size() <= whole.size() &&
         std::memcmp(part.data(), whole.data() + first_element, part.size() * sizeof(T)) == 0;
}

}  // namespace troupe::attention_case
