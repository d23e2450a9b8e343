// Sequences fed to a paged cache step by step, as generation does.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/kernels/attention/attention_case.h"

namespace troupe::attention_case {

// The vectors of the first `num_keys` keys.
inline void append_keys(FlashMask& to, const FlashMask& from, int64_t num_keys) {
  FlashMask part = from;
  part.startend_row_indices.resize(num_keys * from.num_columns);
  if (to.empty())
    to = part;
  else
    to.append(part);
}

// Feeds sequences to a cache in the given steps, several sequences a pack, and joins the outputs.
// `masks` holds none, or one of each whole sequence.
template <class T>
std::vector<Output<T>> through_cache(const Heads& shape, const std::vector<Rows<T>>& sequences,
                                     const std::vector<int64_t>& steps, ThreadPool* pool,
                                     const std::vector<FlashMask>& masks = {},
                                     KeyValueFormat format = KeyValueFormat::exact) {
  constexpr int kLayers = 2, kLayer = 1;
  KeyValueCache cache(kLayers, shape.kv_heads, shape.head_dim, kDType<T>, 200, format);
  const auto count = sequences.size();
  std::vector<Output<T>> outputs(count);
  std::vector<std::vector<int32_t>> tables(count);
  std::vector<int64_t> done(count);
  for (size_t step = 0;; ++step) {
    Rows<T> rows;
    Pack pack;
    CacheView view = {&cache, {}};
    std::vector<std::pair<size_t, int64_t>> parts;
    for (size_t i = 0; i < count; ++i) {
      const auto length = static_cast<int64_t>(sequences[i].q.size()) / shape.q_width();
      const int64_t end = std::min(length, done[i] + steps[(step + i) % steps.size()]);
      if (end == done[i]) continue;
      while (static_cast<int64_t>(tables[i].size()) * kKeyBlock < end)
        tables[i].push_back(*cache.allocate());  // blocks of the sequences end up interleaved
      rows.append(sequences[i], shape, done[i], end);
      append_tokens(pack, static_cast<int32_t>(done[i]), end - done[i]);
      if (!masks.empty()) append_keys(pack.mask, masks[i], end);
      view.block_tables.push_back(tables[i]);
      parts.push_back({i, end - done[i]});
      done[i] = end;
    }
    if (parts.empty()) return outputs;
    const auto output = run_attention(shape, rows, pack, pool, &view, kLayer);
    int64_t row = 0;
    for (const auto& [i, n] : parts) {
      const auto out = output.out.begin() + row * shape.q_width();
      outputs[i].out.insert(outputs[i].out.end(), out, out + n * shape.q_width());
      const auto sums = output.log_sum_exp.begin() + row * shape.heads;
      outputs[i].log_sum_exp.insert(outputs[i].log_sum_exp.end(), sums, sums + n * shape.heads);
      row += n;
    }
  }
}

}  // namespace troupe::attention_case
