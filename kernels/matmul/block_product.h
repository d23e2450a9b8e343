// A block of a matrix product: some tiles' rows and some panels, computed together so that what
// they read and add to stays in a core's caches.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "devices/cpu/read_ahead.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/made_rows.h"

namespace troupe {

// Up to so many rows panels go one by one, so that weights are read from memory in one stream.
inline constexpr int64_t kFewRows = 32;
// A tile's rows are copied where they are so many words apart, or all fall on the same cache sets.
inline constexpr int64_t kFarRows = 2048;
inline constexpr int64_t kLeftStride = kWordBlock + kLanes;  // between rows of such a copy
inline constexpr int64_t kMostTileRows = std::max(kTileRows<float>, kTileRows<Bf16>);
inline constexpr int kNumLevels = std::bit_width(static_cast<unsigned>(kMaxSlices));
inline constexpr int64_t kLevelSize = kPanelGroup * kRowBlock * kPanelWidth;

// Sums that wait: of finished subtrees, by level, and of the slice in progress.
struct alignas(64) Scratch {
  float levels[kNumLevels][kLevelSize];  // [panel][row][kPanelWidth]
  float in_progress[kLevelSize];
  uint32_t left[kMostTileRows * kLeftStride];
};

// Such rows would evict each other from the first-level cache, where 4 KiB apart is the same place.
inline bool evict_each_other(const Left& left) {
  return left.row_stride >= kFarRows || left.row_stride % kSameSets == 0;
}

inline Left copy_left(Left left, int num_rows, int64_t num_words, uint32_t* buffer) {
  for (int row = 0; row < num_rows; ++row)
    std::memcpy(buffer + row * kLeftStride, left.at(row, 0).words, num_words * sizeof(uint32_t));
  return {buffer, kLeftStride};
}

inline bool copies_left(const Left& left, int64_t num_rows) {
  return num_rows > kFewRows && evict_each_other(left);
}

// With which panels a thread will most likely go on; maybe none.
struct Next {
  const Stretch* stretch;  // their first
  int64_t first_panel, num_panels;
};

// Which of the tiles that pass over a panel one after another, and what they do after that.
struct Turn {
  int64_t tile, num_tiles;
  const Stretch* next;  // of the same panels; null: they are done
};

// Who computes: its own share of all items ends at `share_end`; what it reads after that; how its
// rows are made, if they are.
struct Worker {
  int thread;
  int64_t share_end;
  ReadAhead& read_ahead;
  Scratch& scratch;
  MadeRows& made_rows;
  const MakeRow& make_row;
};

template <class T>
class BlockProduct {
 public:
  BlockProduct(const Part& part, const Block& block, const Next& next, const Worker& worker)
      : product_(part.product),
        stretches_(part.stretches),
        block_(block),
        next_(next),
        worker_(worker),
        scratch_(worker.scratch) {}

  void compute() const {
    for (size_t i = 0; i < stretches_.size(); ++i)
      compute_stretch(stretches_[i], i + 1 < stretches_.size() ? &stretches_[i + 1] : nullptr);
    if (product_.bias || product_.residual || product_.gated) finish_tiles<T>();
    product_.round_to_bf16 ? add_to_results<Bf16>() : add_to_results<float>();
  }

 private:
  // While the results are in a cache.
  template <class Result>
  void add_to_results() const {
    auto* results = static_cast<Result*>(product_.result);
    const auto add_each = [&](auto&& addend) {
      for_elements(block_, product_.n, [&](int64_t at, int64_t column, auto lanes) {
        store(results + at, add(load(results + at, lanes), addend(at, column, lanes)), lanes);
      });
    };
    if (product_.bias)
      add_each(
          [&](int64_t, int64_t column, auto lanes) { return load(product_.bias + column, lanes); });
    if (const auto* residual = static_cast<const Result*>(product_.residual))
      add_each([&](int64_t at, int64_t, auto lanes) { return load(residual + at, lanes); });
  }

  void compute_stretch(const Stretch& stretch, const Stretch* next) const {
    const bool copies = copies_left(stretch.contraction->left, block_.num_rows());
    const auto num_tiles = std::ssize(block_.tiles);
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const TileRows& rows = block_.tiles[tile];
      Left left = block_.left_of(rows, *stretch.contraction).at(0, stretch.first_word);
      if (copies) left = copy_left(left, rows.num_rows, stretch.num_words, scratch_.left);
      for (int64_t panel = 0; panel < block_.num_panels; ++panel)
        compute_tiles(stretch, {tile, num_tiles, next}, left, rows, panel);
    }
  }

  // The tiles side by side that make up a panel's width: one, or two where registers are few.
  void compute_tiles(const Stretch& stretch, Turn turn, Left left, const TileRows& rows,
                     int64_t panel) const {
    const Panels& panels = *stretch.contraction->panels;
    const uint32_t* words =
        panels.panel(block_.first_panel + panel) + stretch.first_word * kPanelWidth;
    const int64_t column = (block_.first_panel + panel) * kPanelWidth;
    const int64_t num_columns = std::min<int64_t>(kPanelWidth, product_.n - column);
    for (int64_t j = 0; j < num_columns; j += kTileColumns) {
      Tile tile = {left, rows.num_rows, words + j, stretch.num_words};
      look_ahead(turn, panel, words, tile);
      place_sums(stretch, rows, panel, j, tile.sums);
      tile.sums.num_columns = static_cast<int>(std::min<int64_t>(kTileColumns, num_columns - j));
      tile.panel_from_memory = block_.num_rows() <= kFewRows;
      if (!kHasFixedTiles<T> && stretch.last && stretch.slice + 1 == product_.num_slices)
        prefetch_result(tile.sums, rows.num_rows);
      compute_tile<T>(tile);
    }
  }

  // The tiles of a panel bring in what takes its place, each a part: else the first would wait for
  // all of it. That is the panel's next stretch; after the last, a panel of what comes next, and
  // after the last of all the next op's. Tiles of fixed size look ahead by themselves: what
  // they took here, nobody would fetch.
  void look_ahead(const Turn& turn, int64_t panel, const uint32_t* words, Tile& tile) const {
    if (kHasFixedTiles<T>) return;
    tile.ahead = reinterpret_cast<const char*>(words);
    if (!turn.next && panel >= next_.num_panels) {
      const auto* next = worker_.read_ahead.take(worker_.thread, tile.num_words);
      if (!next) return;
      tile.ahead = reinterpret_cast<const char*>(next);
      tile.ahead_step = kAheadLine;
      return;
    }
    if (turn.num_tiles == 1) return;
    const Stretch& next = turn.next ? *turn.next : *next_.stretch;
    const int64_t first_panel = turn.next ? block_.first_panel : next_.first_panel;
    const uint32_t* next_words = next.contraction->panels->panel(first_panel + panel);
    constexpr int64_t kWordBytes = kPanelWidth * sizeof(uint32_t);
    const int64_t first = next.first_word + turn.tile * next.num_words / turn.num_tiles;
    tile.ahead = reinterpret_cast<const char*>(next_words) + first * kWordBytes;
    tile.ahead_step = kWordBytes * next.num_words / (turn.num_tiles * tile.num_words);
  }

  // Like adding one to a binary counter: slice 3 completes the trees of 2 and of 4. The last slice
  // also takes all that is left over: these are the bits of its own number.
  void place_sums(const Stretch& stretch, const TileRows& rows, int64_t panel, int64_t j,
                  TileSums& sums) const {
    const int64_t at = (panel * kRowBlock + block_.place_of(rows)) * kPanelWidth + j;
    sums.start_stride = sums.result_stride = kPanelWidth;
    const int64_t column = (block_.first_panel + panel) * kPanelWidth + j;
    const int64_t element = rows.row * product_.n + column;
    if (!stretch.first) {
      sums.start = scratch_.in_progress + at;
    } else if (product_.accumulate) {
      sums.start = static_cast<const float*>(product_.result) + element;
      sums.start_stride = product_.n;
    }
    if (!stretch.last) {
      sums.result = scratch_.in_progress + at;
      return;
    }
    const auto slice = static_cast<unsigned>(stretch.slice);
    const bool final = stretch.slice + 1 == product_.num_slices;
    const int completed = std::countr_one(slice);
    sums.finished = {scratch_.levels[0] + at, kLevelSize, final ? slice : (1u << completed) - 1};
    if (!final) {
      sums.result = scratch_.levels[completed] + at;
      return;
    }
    const int64_t size = product_.round_to_bf16 ? sizeof(Bf16) : sizeof(float);
    sums.round_to_bf16 = product_.round_to_bf16;
    sums.result_stride = product_.n;
    sums.result = static_cast<char*>(product_.result) + element * size;
  }

  const Product& product_;
  std::span<const Stretch> stretches_;
  const Block& block_;
  const Next& next_;
  const Worker& worker_;
  Scratch& scratch_;
};

}  // namespace troupe
