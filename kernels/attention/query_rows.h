// The online softmax of a tile of query rows (Milakov and Gimelshein, arXiv 1805.02867): what each
// has summed in the current span of keys, and in the spans before it.
//
// A row is touched by blocks of which it sees a key and by nothing else, so that which blocks its
// tile visits for other rows changes no bit.
#pragma once

#include <cstring>
#include <limits>
#include <utility>

#include "kernels/attention/score.h"
#include "kernels/attention/small_product.h"
#include "kernels/attention/softmax_weight.h"

namespace troupe {

struct QueryRows {
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float *q, *weights, *out, *total, *max;
  float *past_out, *past_total, *past_max;
  uint8_t *has_seen, *has_past;  // a key in this span, in one before

  QueryRows(FloatScratch& scratch, int64_t n) {
    float* at = scratch.floats(n * (4 * kStride + 5 * kLanes));
    for (float** part : {&q, &weights, &out, &past_out})
      *part = std::exchange(at, at + n * kStride);
    for (float** part : {&total, &past_total, &max, &past_max})
      *part = std::exchange(at, at + n * kLanes);
    has_seen = reinterpret_cast<uint8_t*>(at);
    has_past = has_seen + n;
  }

  void begin_span(int row, int64_t padded) {
    std::memset(out + row * kStride, 0, padded * sizeof(float));
    store(total + row * kLanes, zero());
    max[row] = -kInfinity;
    has_seen[row] = 0;
  }

  // Turns a row's products with a block's keys into weights, and rescales what was summed under the
  // old max. Weights are left as T. `seen` has a bit for each key that the row sees; at least one.
  template <class T>
  void add_block(int row, uint64_t seen, const RowScores& scores, int64_t padded) {
    float* w = weights + row * kStride;
    const int vecs = num_vecs(std::bit_width(seen));
    Vec s[4] = {zero(), zero(), zero(), zero()};
    Vec block_max = set1(-kInfinity);
    for (int v = 0; v < vecs; ++v) {
      const Vec score = scores.log2(load(w + v * kLanes), v * kLanes);
      s[v] = select(static_cast<Mask>(seen >> (v * kLanes)), score, set1(-kInfinity));
      block_max = troupe::max(block_max, s[v]);
    }
    const float old_max = max[row], new_max = std::max(old_max, reduce_max(block_max));
    Vec sum = load(total + row * kLanes);
    if (new_max != old_max && old_max != -kInfinity) {  // else the factor is 1, or all is 0
      const Vec factor = softmax_weight(set1(old_max - new_max));
      sum = mul(sum, factor);
      float* to = out + row * kStride;
      for (int64_t d = 0; d < padded; d += kLanes) store(to + d, mul(load(to + d), factor));
    }
    max[row] = new_max;
    for (int v = 0; v < vecs; ++v) {
      s[v] = softmax_weight(sub(s[v], set1(new_max)));
      store(reinterpret_cast<T*>(w) + v * kLanes, s[v]);
    }
    // Tiles sum over all 64 keys.
    for (int v = vecs; v < 4; ++v) store(reinterpret_cast<T*>(w) + v * kLanes, zero());
    store(total + row * kLanes, add(sum, add(add(s[0], s[1]), add(s[2], s[3]))));
    has_seen[row] = 1;
  }

  // past = past combined with the span that ends here; the first that sees a key is taken as it is.
  void end_span(int row, int64_t padded) {
    if (!has_seen[row]) return;
    has_past[row] ? combine_with_past(row, padded) : become_past(row, padded);
    has_past[row] = 1;
  }

  // Counts a sink, a key of this score (in powers of two) and value 0, as the last one.
  void add_sink(int row, float log2_sink, int64_t padded) {
    max[row] = log2_sink;
    store(total + row * kLanes, select(first_lanes(1), set1(1), zero()));
    std::memset(out + row * kStride, 0, padded * sizeof(float));
    has_seen[row] = 1;
    end_span(row, padded);
  }

 private:
  void become_past(int row, int64_t padded) {
    store(past_total + row * kLanes, load(total + row * kLanes));
    std::memcpy(past_out + row * kStride, out + row * kStride, padded * sizeof(float));
    past_max[row] = max[row];
  }

  void combine_with_past(int row, int64_t padded) {
    const float both = std::max(past_max[row], max[row]);
    const Vec past_factor = softmax_weight(set1(past_max[row] - both)),
              factor = softmax_weight(set1(max[row] - both));
    const auto combine = [&](float* to, const float* from) {
      store(to, fma(load(from), factor, mul(load(to), past_factor)));
    };
    combine(past_total + row * kLanes, total + row * kLanes);
    for (int64_t d = 0; d < padded; d += kLanes)
      combine(past_out + row * kStride + d, out + row * kStride + d);
    past_max[row] = both;
  }
};

}  // namespace troupe
