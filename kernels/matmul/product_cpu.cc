#include <algorithm>
#include <memory>
#include <vector>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/math.h"
#include "kernels/matmul/block_product.h"

namespace troupe {
namespace {

Scratch& scratch() {
  thread_local const auto scratch = std::make_unique_for_overwrite<Scratch>();
  return *scratch;
}

// How many blocks to cut tiles into: of kRowBlock rows at most, and so many that the threads'
// shares of blocks * panels are even.
template <class T>
int64_t count_row_blocks(int64_t num_tiles, int64_t num_panels, int num_threads) {
  const auto uneven = [&](int64_t blocks) {
    const int64_t share = (blocks * num_panels + num_threads - 1) / num_threads;
    return 16 * (share * num_threads - blocks * num_panels) > blocks * num_panels;
  };
  const int64_t fewest = (num_tiles + kMostTiles<T> - 1) / kMostTiles<T>;
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

  // The rows of the left operand that all parts read.
  Left make_rows(std::span<const TileRows> block, const Worker& worker) const {
    if (!worker.make_row) return {};
    const Left& left = parts[0].product.contractions[0].left;
    return worker.made_rows.of(block, left.row_stride, worker.make_row);
  }

  void run(int64_t begin, int64_t end, const Worker& worker) const {
    for (int64_t item = begin; item < end;) {
      Block block = {tiles_of(item / num_panels), item % num_panels};
      block.made_rows = make_rows(block.tiles, worker);
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
      Block block = all;
      block.first_panel += panel;
      block.num_panels = std::min(most, all.num_panels - panel);
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

int64_t num_rows_of(std::span<const RowRange> ranges) {
  int64_t count = 0;
  for (const RowRange& range : ranges) count += range.size();
  return count;
}

// Items [begin, end) of all jobs one after another.
template <class T>
void run_items(std::span<const Job<T>> jobs, int64_t begin, int64_t end, const Worker& worker) {
  int64_t first = 0;
  for (const Job<T>& job : jobs) {
    Worker here = worker;
    here.share_end -= first;
    job.run(std::max<int64_t>(begin - first, 0), std::min(end - first, job.num_items()), here);
    first += job.num_items();
  }
  release_tiles<T>();
}

}  // namespace

template <class T>
void multiply(std::span<const Product> products, std::span<const RowRange> rows, ThreadPool& pool,
              const MakeRow& make_row) {
  CHECK(!products.empty() && products.size() <= kMaxParts, products.size());
  const Left& left = products[0].contractions[0].left;
  // Where a range of panels copies rows again, threads do not take many small ones from each other.
  const bool copies = copies_left(left, num_rows_of(rows));
  const auto tiles = cut_into_tiles<T>(rows, copies ? pool.num_threads() : 1);
  if (tiles.empty()) return;
  const bool alone = !all_worth_waking(products, num_rows_of(tiles));
  int64_t num_items = 0;
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
  }
  std::vector<MadeRows> made_rows(alone ? 1 : pool.num_threads());  // by thread
  const auto run = [&](int64_t begin, int64_t end, int thread) {
    const int64_t share_end = (thread + 1) * num_items / std::ssize(made_rows);
    run_items<T>(jobs, begin, end,
                 {thread, share_end, pool.read_ahead(), scratch(), made_rows[thread], make_row});
  };
  if (alone) return run(0, num_items, 0);
  pool.parallel(num_items, run, copies ? kPanelGroup : 1);
}

template void multiply<float>(std::span<const Product>, std::span<const RowRange>, ThreadPool&,
                              const MakeRow&);
template void multiply<Bf16>(std::span<const Product>, std::span<const RowRange>, ThreadPool&,
                             const MakeRow&);

}  // namespace troupe
