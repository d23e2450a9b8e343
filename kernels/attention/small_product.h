// The small matrix product that attention is made of: c[i][:] (+)= sum over s of a[i][s] * b[s][:],
// with s ascending in every element of c, so that tiling changes no bit. Bf16 go in pairs of steps,
// by the machine's dot products where it has them.
//
// Rows of c may leave out steps (keys that a row does not see), and then never touch those b[s].
// Columns come in whole vectors; the caller ignores the rest.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/attention/bit_block.h"
#include "kernels/attention/key_value_cache.h"
#include "kernels/matmul/words.h"

namespace troupe {

// Floats between the rows of a scratch matrix: 256, the widest head, and one cache line more, so
// that rows do not fall on the same cache sets.
inline constexpr int kStride = 272;

// The elements that rows sum over: [0, count), or the bits of masks[row / group].
struct Steps {
  int count = 0;
  const uint64_t* masks = nullptr;
  int group = 1;

  uint64_t of_row(int row) const { return masks ? masks[row / group] : first_bits(count); }
};

// What neighbouring rows sum over: elements, then words of T.
struct SharedSteps {
  uint64_t all = ~uint64_t{0}, any = 0;  // of all rows, of any

  SharedSteps(const Steps& steps, int row, int num_rows) {
    for (int i = 0; i < num_rows; ++i) {
      const uint64_t mask = steps.masks[(row + i) / steps.group];
      all &= mask, any |= mask;
    }
  }
  template <class T>
  void to_words() {
    if (kElementsPerWord<T> == 1) return;
    all = even_bits(all & all >> 1), any = even_bits(any | any >> 1);
  }
  // The end of the words from `step` on that all rows sum over.
  int end_of_all(int step) const { return step < 64 ? step + std::countr_one(all >> step) : step; }
};

enum class Side { kRows, kColumns };  // a[i * kStride + s], or transposed: a[s * kStride + i]
enum class Start { kZero, kStored };

// a and b in words: a float, or two Bf16 that are neighbours in the summed dimension.
struct SmallProduct {
  const float* a = nullptr;
  const float* b = nullptr;  // [words summed over][b_stride]
  int64_t b_stride = 0;
  float* c = nullptr;  // [rows][c_stride]
  int64_t c_stride = kStride;
};

// Bits outside `bits` of each word become 0.
inline Vec keep_bits(Vec words, uint32_t bits) {
  const Vec kept = set1(std::bit_cast<float>(bits));
#ifdef __AVX512F__
  return _mm512_and_ps(words, kept);
#else
  return {_mm256_and_ps(words.a, kept.a), _mm256_and_ps(words.b, kept.b)};
#endif
}

// The part of a word of b that a row sums over, of which `seen` has a bit for each element.
template <class T>
Vec seen_part(Vec words, uint64_t seen) {
  if (kElementsPerWord<T> == 1 || (seen & 3) == 3) return words;
  return keep_bits(words, seen & 1 ? 0x0000ffff : 0xffff0000);
}

// kRows x kVecs accumulators stay in registers: 24 of AVX-512's 32, 12 of AVX2's 16.
#ifdef __AVX512F__
inline constexpr int kMaxVecs = 4, kMaxRows = 12, kAccumulators = 24;
#else
inline constexpr int kMaxVecs = 1, kMaxRows = 6, kAccumulators = 6;
#endif

constexpr int rows_per_tile(int vecs) {
  return std::min(kMaxRows, kAccumulators / vecs);
}

template <Side kSide, Start kStart, class T, int kVecs, int kRows>
void small_product_tile(const SmallProduct& p, int row, int column, const Steps& steps) {
  if constexpr (kRows <= rows_per_tile(kVecs)) {
    constexpr int64_t kRow = kSide == Side::kRows ? kStride : 1;
    constexpr int64_t kStep = kSide == Side::kRows ? 1 : kStride;
    Vec sum[kRows][kVecs];
    float* c = p.c + row * p.c_stride + column;
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        sum[i][v] = kStart == Start::kZero ? zero() : load(c + i * p.c_stride + v * kLanes);
    const float* a = p.a + row * kRow;
    const float* b = p.b + column;
    constexpr int kElements = kElementsPerWord<T>;
    constexpr uint64_t kWordBits = kElements == 1 ? 1 : 3;
    SharedSteps shared(steps, row, steps.masks ? kRows : 0);  // any is 0 without masks
    shared.to_words<T>();
    int end_of_all = steps.masks ? shared.end_of_all(0) : (steps.count + kElements - 1) / kElements;
    for (int step = 0;;) {
      for (; step < end_of_all; ++step) {
        Vec columns[kVecs];
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) columns[v] = load(b + step * p.b_stride + v * kLanes);
#pragma GCC unroll 12
        for (int i = 0; i < kRows; ++i) {
          const Vec x = set1(a[i * kRow + step * kStep]);
#pragma GCC unroll 4
          for (int v = 0; v < kVecs; ++v) sum[i][v] = multiply_add<T>(x, columns[v], sum[i][v]);
        }
      }
      if (step >= 64 || shared.any >> step == 0) break;
      step += std::countr_zero(shared.any >> step);
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i) {
        const uint64_t seen =
            steps.masks[(row + i) / steps.group] >> (step * kElements) & kWordBits;
        if (seen == 0) continue;
        const Vec x = set1(a[i * kRow + step * kStep]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v)
          sum[i][v] = multiply_add<T>(
              x, seen_part<T>(load(b + step * p.b_stride + v * kLanes), seen), sum[i][v]);
      }
      ++step;
      end_of_all = shared.end_of_all(step);
    }
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) store(c + i * p.c_stride + v * kLanes, sum[i][v]);
  }
}

template <Side kSide, Start kStart, class T, int... kIndex>
constexpr auto small_product_tiles(std::integer_sequence<int, kIndex...>) {
  return std::array{
      &small_product_tile<kSide, kStart, T, kIndex / kMaxRows + 1, kIndex % kMaxRows + 1>...};
}

// Rows [0, num_rows) and columns [0, 16 * num_vecs) of c.
template <Side kSide, Start kStart, class T>
void multiply_small(const SmallProduct& p, int num_rows, int num_vecs, const Steps& steps) {
  constexpr auto kTiles =
      small_product_tiles<kSide, kStart, T>(std::make_integer_sequence<int, kMaxVecs * kMaxRows>{});
  for (int column = 0; column < num_vecs;) {
    const int passes = (num_vecs - column + kMaxVecs - 1) / kMaxVecs;
    const int vecs = (num_vecs - column + passes - 1) / passes;
    for (int row = 0; row < num_rows;) {
      const int most = rows_per_tile(vecs), left = num_rows - row;
      const int tiles_left = (left + most - 1) / most, rows = (left + tiles_left - 1) / tiles_left;
      kTiles[(vecs - 1) * kMaxRows + rows - 1](p, row, column * kLanes, steps);
      row += rows;
    }
    column += vecs;
  }
}

inline int num_vecs(int64_t count) {
  return static_cast<int>((count + kLanes - 1) / kLanes);
}

// Memory of one thread that grows and stays, aligned to cache lines.
class FloatScratch {
 public:
  float* floats(size_t count) {
    if (lines_.size() * kLanes < count) lines_.resize((count + kLanes - 1) / kLanes);
    return lines_.empty() ? nullptr : lines_[0].x;
  }

 private:
  struct alignas(64) Line {
    float x[kLanes] = {};
  };
  std::vector<Line> lines_;
};

}  // namespace troupe
