// A bf16 tile in AMX's registers: up to 32 x 32 sums in four of them, fed 16 words (32 elements) of
// k at a time. Its order of addition: within 16 words the products of the lower halves are one
// chain of fused multiply-adds from zero, those of the upper halves another; their sum is added to
// the element. The instruction rounds to nearest and treats denormals as zero.
#pragma once

#include "kernels/matmul/tile_cpu.h"

namespace troupe {

inline constexpr int kAmxWords = 16;  // of k in one product
inline constexpr int kAmxRows = 16;   // of one register

// How many rows and words the registers hold: two of A's rows, k's words.
struct AmxShape {
  int rows[2] = {0, 0};
  int words = 0;

  bool operator==(const AmxShape&) const = default;

  // Takes effect at once; setting it again costs nothing.
  void use() const {
    if (*this == current()) return;
    struct alignas(64) Config {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    const int second = rows[1] == 0 ? 1 : rows[1];
    const auto set = [&](int tile, int num_rows, int num_words) {
      config.rows[tile] = static_cast<uint8_t>(num_rows);
      config.row_bytes[tile] = static_cast<uint16_t>(num_words * sizeof(uint32_t));
    };
    for (int column = 0; column < 2; ++column) {
      set(column, rows[0], kLanes);  // sums: registers 0 to 3
      set(2 + column, second, kLanes);
      set(6 + column, words, kLanes);  // the panel: 6 and 7
    }
    set(4, rows[0], words);  // A: 4 and 5
    set(5, second, words);
    asm volatile("ldtilecfg %0" : : "m"(config));
    current() = *this;
  }
  static void release() {
    if (current() == AmxShape{}) return;
    _tile_release();
    current() = {};
  }

 private:
  static AmxShape& current() {
    thread_local AmxShape shape;
    return shape;
  }
};

// Sums of a tile in memory, [row][kPanelWidth].
struct AmxSums {
  alignas(64) float rows[2 * kAmxRows][kPanelWidth];
};

template <bool kTwoRows, bool kTwoColumns>
struct AmxTile {
  static void zero() {
    _tile_zero(0);
    if (kTwoColumns) _tile_zero(1);
    if (kTwoRows) _tile_zero(2);
    if (kTwoRows && kTwoColumns) _tile_zero(3);
  }
  static void load(const float* from, int64_t stride) {
    const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
    _tile_loadd(0, from, bytes);
    if (kTwoColumns) _tile_loadd(1, from + kLanes, bytes);
    if (kTwoRows) _tile_loadd(2, from + kAmxRows * stride, bytes);
    if (kTwoRows && kTwoColumns) _tile_loadd(3, from + kAmxRows * stride + kLanes, bytes);
  }
  static void store(float* to, int64_t stride) {
    const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
    _tile_stored(0, to, bytes);
    if (kTwoColumns) _tile_stored(1, to + kLanes, bytes);
    if (kTwoRows) _tile_stored(2, to + kAmxRows * stride, bytes);
    if (kTwoRows && kTwoColumns) _tile_stored(3, to + kAmxRows * stride + kLanes, bytes);
  }
  static void multiply(const uint32_t* left, int64_t row_stride, const uint32_t* panel) {
    constexpr int64_t kPanelBytes = kPanelWidth * sizeof(uint32_t);
    const int64_t left_bytes = row_stride * static_cast<int64_t>(sizeof(uint32_t));
    _tile_loadd(6, panel, kPanelBytes);
    if (kTwoColumns) _tile_loadd(7, panel + kLanes, kPanelBytes);
    _tile_loadd(4, left, left_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if (kTwoColumns) _tile_dpbf16ps(1, 4, 7);
    if (kTwoRows) {
      _tile_loadd(5, left + kAmxRows * row_stride, left_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if (kTwoColumns) _tile_dpbf16ps(3, 5, 7);
    }
  }
};

// A tile whose sums are complete but not yet written to its result: vectors do that, a few rows at
// a time, while the next tile's products run. One a thread.
class AmxPending {
 public:
  static AmxPending& of_this_thread() {
    thread_local AmxPending pending;
    return pending;
  }
  // What was pending must be finished.
  AmxSums& start(const Tile& tile) {
    to_ = tile.sums;
    next_row_ = 0;
    num_rows_ = tile.num_rows;
    return sums_;
  }
  void finish(int most_rows) {
    const int end = std::min(num_rows_, next_row_ + most_rows);
    if (next_row_ == end) return;
    to_.round_to_bf16 ? finish_rows<Bf16>(end) : finish_rows<float>(end);
  }
  void finish_all() { finish(num_rows_); }

 private:
  // Adds what finished slices hold, and rounds.
  template <class Out>
  void finish_rows(int end) {
    const Mask masks[] = {first_lanes(to_.num_columns), first_lanes(to_.num_columns - kLanes)};
    auto* out = static_cast<Out*>(to_.result) + next_row_ * to_.result_stride;
    for (; next_row_ < end; ++next_row_, out += to_.result_stride) {
      const float* sums = sums_.rows[next_row_];
      Vec low = load(sums), high = load(sums + kLanes);
      for (unsigned levels = to_.finished.levels; levels != 0; levels &= levels - 1) {
        const float* level = to_.finished.sums + next_row_ * kPanelWidth +
                             std::countr_zero(levels) * to_.finished.level_stride;
        low = add(load(level), low);
        high = add(load(level + kLanes), high);
      }
      store_pair(out, low, high, masks);
    }
  }
  static void store_pair(float* out, Vec low, Vec high, const Mask (&masks)[2]) {
    store(out, low, masks[0]);
    store(out + kLanes, high, masks[1]);
  }
  // One instruction rounds both; it makes denormals zero, as the products do.
  static void store_pair(Bf16* out, Vec low, Vec high, const Mask (&masks)[2]) {
    const auto both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
    if (masks[1] == 0xffff) return _mm512_storeu_si512(out, both);
    _mm512_mask_storeu_epi16(out, masks[0] | static_cast<__mmask32>(masks[1]) << kLanes, both);
  }

  AmxSums sums_;
  TileSums to_;
  int next_row_ = 0, num_rows_ = 0;
};

// 16 words of a panel are 32 lines.
inline void prefetch_panel(const uint32_t* panel) {
  constexpr int kAhead = 3 * kAmxWords * kPanelWidth;
#pragma GCC unroll 32
  for (int line = 0; line < 2 * kAmxWords; ++line)
    _mm_prefetch(panel + kAhead + line * kLanes, _MM_HINT_T0);
}

template <class AmxTile>
void multiply_words(const Tile& tile, int64_t num_words) {
  const uint32_t *left = tile.left.words, *panel = tile.panel;
  auto& pending = AmxPending::of_this_thread();
  for (int64_t word = 0; word < num_words; word += kAmxWords) {
    if (tile.panel_from_memory) prefetch_panel(panel);
    AmxTile::multiply(left, tile.left.row_stride, panel);
    pending.finish(4);
    left += kAmxWords;
    panel += kAmxWords * kPanelWidth;
  }
}

// What a tile starts from, as rows that are kPanelWidth wide or more.
inline void load_start(const Tile& tile, AmxSums& sums) {
  const Mask masks[] = {first_lanes(tile.sums.num_columns),
                        first_lanes(tile.sums.num_columns - kLanes)};
  for (int row = 0; row < tile.num_rows; ++row)
    for (int v = 0; v < 2; ++v)
      store(sums.rows[row] + v * kLanes,
            load(tile.sums.start + row * tile.sums.start_stride + v * kLanes, masks[v]));
}

template <bool kTwoRows, bool kTwoColumns>
void amx_tile_kernel(const Tile& tile) {
  using Registers = AmxTile<kTwoRows, kTwoColumns>;
  AmxSums sums;
  AmxShape shape = {{std::min(tile.num_rows, kAmxRows), std::max(0, tile.num_rows - kAmxRows)}, 0};
  const int64_t whole = tile.num_words / kAmxWords * kAmxWords, rest = tile.num_words - whole;
  shape.words = static_cast<int>(whole > 0 ? kAmxWords : rest);
  shape.use();
  const bool all_columns = tile.sums.num_columns == kPanelWidth;
  if (!tile.sums.start) {
    Registers::zero();
  } else if (all_columns || tile.sums.start_stride == kPanelWidth) {
    Registers::load(tile.sums.start, tile.sums.start_stride);
  } else {
    load_start(tile, sums);
    Registers::load(sums.rows[0], kPanelWidth);
  }
  if (whole > 0) multiply_words<Registers>(tile, whole);
  if (rest > 0) {
    if (whole > 0) {  // another shape: the registers lose what they hold
      Registers::store(sums.rows[0], kPanelWidth);
      shape.words = static_cast<int>(rest);
      shape.use();
      Registers::load(sums.rows[0], kPanelWidth);
    }
    Registers::multiply(tile.left.words + whole, tile.left.row_stride,
                        tile.panel + whole * kPanelWidth);
  }
  auto& pending = AmxPending::of_this_thread();
  pending.finish_all();  // before what it reads is written over
  const bool wide_enough = all_columns || tile.sums.result_stride == kPanelWidth;
  if (wide_enough && !tile.sums.round_to_bf16 && tile.sums.finished.levels == 0)
    return Registers::store(static_cast<float*>(tile.sums.result), tile.sums.result_stride);
  Registers::store(pending.start(tile).rows[0], kPanelWidth);
}

inline void compute_tile_with_amx(const Tile& tile) {
  const bool two_rows = tile.num_rows > kAmxRows, two_columns = tile.sums.num_columns > kLanes;
  if (two_rows) {
    two_columns ? amx_tile_kernel<true, true>(tile) : amx_tile_kernel<true, false>(tile);
  } else {
    two_columns ? amx_tile_kernel<false, true>(tile) : amx_tile_kernel<false, false>(tile);
  }
}

}  // namespace troupe
