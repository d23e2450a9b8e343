// Keys and values that a cache holds in int8. Each row, a position of one head, has a scale of its
// own: a number is round(value / scale), ties to even, in [-127, 127], where scale is the row's
// largest magnitude / 127. A row that holds a NaN or an infinity reads as NaN throughout.
//
// Attention reads nothing but what the cache holds, also of tokens of the same call, so that
// reading a prompt at once, in chunks or token by token gives the same bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention/geometry.h"
#include "kernels/attention/word_layout.h"

namespace troupe {

inline float widened(float x) {
  return x;
}
inline float widened(Bf16 x) {
  return to_float(x);
}
inline void narrow(float x, float& to) {
  to = x;
}
inline void narrow(float x, Bf16& to) {
  to = to_bf16(x);
}

// Returns the row's scale.
template <class T>
float quantize_row(const T* row, int size, int8_t* to) {
  float largest = 0;
  bool is_finite = true;
  for (int i = 0; i < size; ++i) {
    const float magnitude = std::abs(widened(row[i]));
    is_finite = is_finite && magnitude <= std::numeric_limits<float>::max();
    largest = std::max(largest, magnitude);
  }
  const float scale = is_finite ? largest / 127 : std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < size; ++i)
    to[i] = scale > 0 ? static_cast<int8_t>(
                            std::clamp(std::nearbyint(widened(row[i]) / scale), -127.0f, 127.0f))
                      : int8_t{0};
  return scale;
}

// One sequence's blocks of a cache, of one layer.
template <class T>
struct Int8Blocks {
  std::byte* base;
  const int32_t* table;
  int64_t block_stride, head_stride;  // in bytes

  // Of one head and kv_stride() elements apart, to `position` on; all in one block.
  void write(const AttentionGeometry& g, int kv_head, int64_t position, int64_t count, const T* k,
             const T* v) const {
    const Head head(*this, g, position / kKeyBlock, kv_head);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = position % kKeyBlock + i;
      head.key_scales[row] = quantize_row(k + i * g.kv_stride(), g.head_dim, head.key(row));
      head.value_scales[row] = quantize_row(v + i * g.kv_stride(), g.head_dim, head.value(row));
    }
  }
  // A block in the layout in which KeyValueBlocks has it.
  void read(const AttentionGeometry& g, int64_t block, int kv_head, T* keys, T* values) const {
    const Head head(*this, g, block, kv_head);
    alignas(64) T rows[kKeyBlock * 256];
    widen(head.key_scales, head.keys, g.head_dim, rows);
    transpose_words(rows, g.head_dim, kKeyBlock, g.head_dim, keys, 0);
    widen(head.value_scales, head.values, g.head_dim, rows);
    interleave_rows(rows, g.head_dim, kKeyBlock, g.head_dim, values, g.padded, 0);
  }

 private:
  // Where one head's block lies: scales of keys, scales of values, then the numbers of both.
  struct Head {
    float *key_scales, *value_scales;
    int8_t *keys, *values;
    int head_dim;

    Head(const Int8Blocks& blocks, const AttentionGeometry& g, int64_t block, int kv_head)
        : head_dim(g.head_dim) {
      std::byte* at =
          blocks.base + blocks.table[block] * blocks.block_stride + kv_head * blocks.head_stride;
      key_scales = reinterpret_cast<float*>(at);
      value_scales = key_scales + kKeyBlock;
      keys = reinterpret_cast<int8_t*>(value_scales + kKeyBlock);
      values = keys + int64_t{kKeyBlock} * head_dim;
    }
    int8_t* key(int64_t row) const { return keys + row * head_dim; }
    int8_t* value(int64_t row) const { return values + row * head_dim; }
  };

  static void widen(const float* scales, const int8_t* numbers, int head_dim, T* rows) {
    for (int64_t row = 0; row < kKeyBlock; ++row)
      for (int d = 0; d < head_dim; ++d)
        narrow(scales[row] * static_cast<float>(numbers[row * head_dim + d]),
               rows[row * head_dim + d]);
  }
};

}  // namespace troupe
