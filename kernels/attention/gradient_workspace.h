// One thread's matrices of the backward kernel: a key block, a query block of one head, and what
// their pair makes. Operands of products are in words (attention/word_layout.h), sums in f32.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/attention/block_lists.h"
#include "kernels/attention/score.h"
#include "kernels/attention/small_product.h"
#include "kernels/attention/softmax_weight.h"
#include "kernels/attention/word_layout.h"

namespace troupe {

struct GradientWorkspace {
  float *k_columns, *v_columns, *k;  // of a key block: summed over head_dim, and over keys
  float *dk, *dv;                    // [64 keys][kStride]
  float *q, *d_out;                  // rows of a query block, which products run along
  float *q_steps, *d_out_steps;      // the same, summed over rows
  float *p, *ds;                     // [64 rows][64 keys]: products; of bf16, ds becomes bf16
  float *p_steps, *ds_steps;         // the same, summed over rows
  float* dq;                         // [query blocks][group][64 rows][padded]

  GradientWorkspace(FloatScratch& scratch, const AttentionGeometry& g, int64_t num_query_blocks) {
    constexpr int64_t kBlock = int64_t{kKeyBlock} * kStride;
    const int64_t columns = int64_t{g.head_dim} * kKeyBlock;
    const int64_t dq_floats = num_query_blocks * g.group * kKeyBlock * g.padded;
    float* at = scratch.floats(11 * kBlock + 2 * columns + dq_floats);
    for (float** block :
         {&k, &dk, &dv, &q, &d_out, &q_steps, &d_out_steps, &p, &ds, &p_steps, &ds_steps})
      *block = std::exchange(at, at + kBlock);
    for (float** block : {&k_columns, &v_columns}) *block = std::exchange(at, at + columns);
    dq = at;
    std::memset(dq, 0, dq_floats * sizeof(float));
  }
};

// Rows of a tensor, `stride` apart, to be summed over; a last odd row is paired with zeros.
template <class T>
void load_steps(const T* rows, int64_t stride, int count, int columns, float* to) {
  if (kElementsPerWord<T> == 2 && count % 2 != 0)
    std::memset(to + count / 2 * kStride, 0, columns * sizeof(float));
  interleave_rows(rows, stride, count, columns, reinterpret_cast<T*>(to), kStride, 0);
}

template <class T>
void load_rows(const T* rows, int64_t stride, int count, int columns, float* to) {
  for (int row = 0; row < count; ++row)
    std::memcpy(to + row * kStride, rows + row * stride, columns * sizeof(T));
}

// Two rows of the same columns as words: floats one after the other, Bf16 side by side.
inline void store_steps(float* words, Vec even, Vec odd, float) {
  store(words, even);
  store(words + kStride, odd);
}
inline void store_steps(float* words, Vec even, Vec odd, Bf16) {
#ifdef __AVX512F__
  const __m512i low = _mm512_cvtepu16_epi32(round_to_bf16(even));
  const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(round_to_bf16(odd)), 16);
  _mm512_storeu_si512(words, _mm512_or_si512(low, high));
#else
  Bf16 halves[2][kLanes];
  store(halves[0], even);
  store(halves[1], odd);
  for (int i = 0; i < 2 * kLanes; ++i) reinterpret_cast<Bf16*>(words)[i] = halves[i % 2][i / 2];
#endif
}

// Weights p and their slopes ds of a row's keys, from q . k and d_out . v; 0 for keys that the row
// does not see.
class RowWeights {
 public:
  RowWeights(const AttentionGeometry& g, const RowScores& scores, uint64_t seen, float log_sum_exp,
             float mean)
      : scores_(scores),
        seen_(seen),
        log2_sum_(set1(log_sum_exp * std::numbers::log2e_v<float>)),
        mean_(set1(mean)),
        scale_(set1(g.scale)) {}

  void weigh(int key, Vec product, Vec d_weight, Vec& p, Vec& ds) const {
    const auto lanes = static_cast<Mask>(seen_ >> key);
    const Vec weight = softmax_weight(sub(scores_.log2(product, key), log2_sum_));
    Vec slope = mul(mul(weight, sub(d_weight, mean_)), scale_);
    if (scores_.is_capped()) slope = mul(slope, scores_.slope(product));
    p = select(lanes, weight, zero());
    ds = select(lanes, slope, zero());
  }

 private:
  const RowScores& scores_;
  uint64_t seen_;
  Vec log2_sum_, mean_, scale_;
};

}  // namespace troupe
