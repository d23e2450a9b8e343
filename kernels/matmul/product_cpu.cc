#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/loops.h"
#include "kernels/math.h"
#include "kernels/matmul/product.h"

namespace troupe {
namespace {

constexpr int64_t kRowBlock = 192;   // rows that pass over a panel together
constexpr int64_t kWordBlock = 640;  // words in one pass: 80 KiB of a panel
template <class T>
constexpr int64_t kPassWords = kHasFixedTiles<T> ? 320 : kWordBlock;
constexpr int64_t kStretchStep = 16;  // passes begin at its multiples: bf16 goes so many at a time
constexpr int64_t kPanelGroup = 9;    // panels that share a block of A
constexpr int64_t kFewRows = 32;  // up to here panels go one by one, so that weights are read from
                                  // memory in one stream
constexpr int64_t kFarRows = 2048;   // words between rows of A from which on a tile's are copied
constexpr int64_t kSameSets = 1024;  // or that it is a multiple of: all rows fall on the same sets
constexpr int64_t kLeftStride = kWordBlock + kLanes;  // between rows of such a copy
constexpr int64_t kMostTileRows = std::max(kTileRows<float>, kTileRows<Bf16>);
constexpr int kNumLevels = std::bit_width(static_cast<unsigned>(kMaxSlices));
constexpr int64_t kLevelSize = kPanelGroup * kRowBlock * kPanelWidth;

// Sums that wait: of finished subtrees, by level, and of the slice in progress.
struct alignas(64) Scratch {
  float levels[kNumLevels][kLevelSize];  // [panel][row][kPanelWidth]
  float in_progress[kLevelSize];
  uint32_t left[kMostTileRows * kLeftStride];
};

Scratch& scratch() {
  thread_local const auto scratch = std::make_unique_for_overwrite<Scratch>();
  return *scratch;
}

// Such rows would evict each other from the first-level cache, where 4 KiB apart is the same place.
bool evict_each_other(const Left& left) {
  return left.row_stride >= kFarRows || left.row_stride % kSameSets == 0;
}

Left copy_left(Left left, int num_rows, int64_t num_words, uint32_t* buffer) {
  for (int row = 0; row < num_rows; ++row)
    std::memcpy(buffer + row * kLeftStride, left.at(row, 0).words, num_words * sizeof(uint32_t));
  return {buffer, kLeftStride};
}

bool copies_left(const Left& left, int64_t num_rows) {
  return num_rows > kFewRows && evict_each_other(left);
}

// Rows that a tile computes.
struct TileRows {
  int64_t row;
  int num_rows;
  int64_t num_before;  // rows that tiles before it compute
};

// Some tiles' rows and panels [first_panel, + num_panels): what is computed together.
struct Block {
  std::span<const TileRows> tiles;
  int64_t first_panel = 0, num_panels = 0;

  int64_t num_rows() const {
    return tiles.back().num_before + tiles.back().num_rows - tiles.front().num_before;
  }
  // Of what is kept for the block alone.
  int64_t place_of(const TileRows& rows) const {
    return rows.num_before - tiles.front().num_before;
  }
};

// A stretch of one contraction's words inside one slice.
struct Stretch {
  const Contraction* contraction;
  int64_t first_word, num_words;
  int slice;
  bool first = false, last = false;  // of its slice
};

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

// Who computes: its own share of all items ends at `share_end`; what it reads after that.
struct Worker {
  int thread;
  int64_t share_end;
  ReadAhead& read_ahead;
};

// Between two stretches a sum is only stored and loaded, which changes no bit.
template <class T>
void cut_part(const Contraction& contraction, int slice, int num_slices,
              std::vector<Stretch>& stretches) {
  const int64_t num_words = contraction.panels->num_words() / num_slices;
  const int64_t count = (num_words + kPassWords<T> - 1) / kPassWords<T>;
  const auto border = [&](int64_t i) {
    return i == count ? num_words : i * num_words / count / kStretchStep * kStretchStep;
  };
  for (int64_t i = 0; i < count; ++i)
    stretches.push_back(
        {&contraction, slice * num_words + border(i), border(i + 1) - border(i), slice});
}

// In the order in which they are computed.
template <class T>
std::vector<Stretch> cut_into_stretches(const Product& product) {
  std::vector<Stretch> stretches;
  for (int slice = 0; slice < product.num_slices; ++slice) {
    const size_t first = stretches.size();
    for (const Contraction& contraction : product.contractions)
      cut_part<T>(contraction, slice, product.num_slices, stretches);
    stretches[first].first = stretches.back().last = true;
  }
  return stretches;
}

// body(element, column, lanes) for the block's elements of a result [rows][n], vector by vector.
template <class Body>
void for_elements(const Block& block, int64_t n, Body&& body) {
  const int64_t first = block.first_panel * kPanelWidth;
  const int64_t end = std::min(first + block.num_panels * kPanelWidth, n);
  for (const TileRows& rows : block.tiles)
    for (int64_t row = rows.row; row < rows.row + rows.num_rows; ++row)
      for_vectors(first, end,
                  [&](int64_t column, auto lanes) { body(row * n + column, column, lanes); });
}

// A product that others of the same rows and columns may be computed beside.
struct Part {
  const Product& product;
  std::vector<Stretch> stretches;
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
        scratch_(scratch()) {}

  void compute() const {
    for (size_t i = 0; i < stretches_.size(); ++i)
      compute_stretch(stretches_[i], i + 1 < stretches_.size() ? &stretches_[i + 1] : nullptr);
    if (product_.bias || product_.gated) finish_tiles<T>();
    if (product_.bias) product_.round_to_bf16 ? add_bias<Bf16>() : add_bias<float>();
  }

 private:
  // While the results are in a cache.
  template <class Result>
  void add_bias() const {
    auto* results = static_cast<Result*>(product_.result);
    for_elements(block_, product_.n, [&](int64_t at, int64_t column, auto lanes) {
      const Vec sum = add(load(results + at, lanes), load(product_.bias + column, lanes));
      store(results + at, sum, lanes);
    });
  }

  void compute_stretch(const Stretch& stretch, const Stretch* next) const {
    const Left all = stretch.contraction->left.at(0, stretch.first_word);
    const bool copies = copies_left(all, block_.num_rows());
    const auto num_tiles = std::ssize(block_.tiles);
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const TileRows& rows = block_.tiles[tile];
      Left left = all.at(rows.row, 0);
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

// The ranges' rows in tiles, of as many as fit or as even parts have.
template <class T>
std::vector<TileRows> cut_into_tiles(std::span<const RowRange> ranges) {
  std::vector<TileRows> tiles;
  int64_t num_before = 0;
  for (const RowRange& range : ranges) {
    const int64_t size = range.size(), count = (size + kTileRows<T> - 1) / kTileRows<T>;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = tile_begin<T>(i, count, size), end = tile_begin<T>(i + 1, count, size);
      tiles.push_back({range.begin + begin, static_cast<int>(end - begin), num_before + begin});
    }
    num_before += size;
  }
  return tiles;
}

// How many blocks to cut tiles into: of kRowBlock rows at most, and so many that the threads'
// shares of blocks * panels are even.
template <class T>
int64_t count_row_blocks(int64_t num_tiles, int64_t num_panels, int num_threads) {
  const auto uneven = [&](int64_t blocks) {
    const int64_t share = (blocks * num_panels + num_threads - 1) / num_threads;
    return 16 * (share * num_threads - blocks * num_panels) > blocks * num_panels;
  };
  constexpr int64_t kMostTiles = kRowBlock / kTileRows<T>;
  const int64_t fewest = (num_tiles + kMostTiles - 1) / kMostTiles;
  for (int64_t blocks = fewest; blocks < fewest + num_threads; ++blocks)
    if (!uneven(blocks) && num_tiles >= blocks) return blocks;
  return fewest;
}

// SwiGLU of the block's results, while they are in a cache.
template <class Result>
void gate_block(const Product& gate, const Product& up, const Block& block) {
  const auto *gates = static_cast<const Result*>(gate.result),
             *ups = static_cast<const Result*>(up.result);
  auto* results = static_cast<Result*>(up.gated);
  for_elements(block, up.n, [&](int64_t at, int64_t, auto lanes) {
    store(results + at, swiglu_of(load(gates + at, lanes), load(ups + at, lanes)), lanes);
  });
}

// Parts that are computed together, a block of each in turn. Items are (row block, panel), panels
// running fastest.
template <class T>
struct Job {
  std::vector<Part> parts;
  std::span<const TileRows> tiles;
  int64_t num_blocks, num_panels;

  int64_t num_items() const { return num_blocks * num_panels; }

  std::span<const TileRows> tiles_of(int64_t block) const {
    const auto count = std::ssize(tiles), begin = block * count / num_blocks;
    return tiles.subspan(begin, (block + 1) * count / num_blocks - begin);
  }

  void run(int64_t begin, int64_t end, const Worker& worker) const {
    for (int64_t item = begin; item < end;) {
      Block block = {tiles_of(item / num_panels), item % num_panels};
      const int64_t left = num_panels - block.first_panel;
      block.num_panels = std::min({kPanelGroup, end - item, left});
      const int64_t expected = std::min(std::max(end, worker.share_end) - item, left);
      run_block(block, expected - block.num_panels, worker);
      item += block.num_panels;
    }
  }

  void run_block(const Block& block, int64_t num_next_panels, const Worker& worker) const {
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool last = i + 1 == parts.size();
      const Next next = {parts[last ? 0 : i + 1].stretches.data(),
                         block.first_panel + (last ? block.num_panels : 0),
                         last ? num_next_panels : block.num_panels};
      run_part(parts[i], block, next, worker);
      const Product& product = parts[i].product;
      if (!product.gated) continue;
      const Product& gate = parts[i - 1].product;
      product.round_to_bf16 ? gate_block<Bf16>(gate, product, block)
                            : gate_block<float>(gate, product, block);
    }
  }

  // Of few rows panel by panel.
  void run_part(const Part& part, const Block& all, const Next& next, const Worker& worker) const {
    const int64_t most = all.num_rows() > kFewRows ? kPanelGroup : 1;
    for (int64_t panel = 0; panel < all.num_panels; panel += most) {
      const Block block = {all.tiles, all.first_panel + panel,
                           std::min(most, all.num_panels - panel)};
      const int64_t left = all.num_panels - panel - block.num_panels;
      const Next own = {part.stretches.data(), block.first_panel + block.num_panels, left};
      BlockProduct<T>(part, block, left > 0 ? own : next, worker).compute();
    }
  }
};

}  // namespace

bool worth_waking(double multiply_adds, double bytes) {
  constexpr double kMultiplyAddsPerSecond = 50e9, kBytesPerSecond = 30e9, kWakeSeconds = 3e-6;
  return multiply_adds / kMultiplyAddsPerSecond + bytes / kBytesPerSecond > 2 * kWakeSeconds;
}

namespace {

// The words of all panels of a product.
double words_of(const Product& product) {
  int64_t num_words = 0;
  for (const auto& contraction : product.contractions) num_words += contraction.panels->num_words();
  return static_cast<double>(num_words) * static_cast<double>(product.n);
}

bool all_worth_waking(std::span<const Product> products, int64_t num_rows) {
  double words = 0;
  for (const Product& product : products) words += words_of(product);
  return worth_waking(words * static_cast<double>(num_rows), words * sizeof(uint32_t));
}

// Items [begin, end) of all jobs one after another.
template <class T>
void run_items(std::span<const Job<T>> jobs, int64_t begin, int64_t end, const Worker& worker) {
  int64_t first = 0;
  for (const Job<T>& job : jobs) {
    job.run(std::max<int64_t>(begin - first, 0), std::min(end - first, job.num_items()),
            {worker.thread, worker.share_end - first, worker.read_ahead});
    first += job.num_items();
  }
  release_tiles<T>();
}

}  // namespace

template <class T>
void multiply(std::span<const Product> products, std::span<const RowRange> rows, ThreadPool& pool) {
  CHECK(!products.empty() && products.size() <= kMaxParts, products.size());
  const auto tiles = cut_into_tiles<T>(rows);
  if (tiles.empty()) return;
  const bool alone = !all_worth_waking(products, tiles.back().num_before + tiles.back().num_rows);
  int64_t num_items = 0, least = 1;
  std::vector<Job<T>> jobs;
  for (const Product& product : products) {
    CHECK(!product.accumulate || (product.num_slices == 1 && !product.round_to_bf16),
          product.num_slices);
    if (product.gated) {
      CHECK(!jobs.empty() && jobs.back().parts[0].product.n == product.n, product.n);
      jobs.back().parts.push_back({product, cut_into_stretches<T>(product)});
      continue;
    }
    const int64_t num_panels = (product.n + kPanelWidth - 1) / kPanelWidth;
    const int64_t blocks =
        count_row_blocks<T>(std::ssize(tiles), num_panels, alone ? 1 : pool.num_threads());
    jobs.push_back({{{product, cut_into_stretches<T>(product)}}, tiles, blocks, num_panels});
    num_items += jobs.back().num_items();
    if (copies_left(product.contractions[0].left, jobs.back().tiles_of(0).back().num_before))
      least = kPanelGroup;
  }
  if (alone) return run_items<T>(jobs, 0, num_items, {0, num_items, pool.read_ahead()});
  pool.parallel(
      num_items,
      [&](int64_t begin, int64_t end, int thread) {
        const int64_t share_end = (thread + 1) * num_items / pool.num_threads();
        run_items<T>(jobs, begin, end, {thread, share_end, pool.read_ahead()});
      },
      least);
}

template void multiply<float>(std::span<const Product>, std::span<const RowRange>, ThreadPool&);
template void multiply<Bf16>(std::span<const Product>, std::span<const RowRange>, ThreadPool&);

}  // namespace troupe
