// What training or scoring with a graph will take, by class, told before any of it is allocated.
#pragma once

#include <array>
#include <cstdint>

#include "devices/cpu/memory_use.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "graph/parallel/weight_shards.h"
#include "graph/parameters.h"

namespace troupe {

struct MemoryForecast {
  std::array<int64_t, kNumMemoryClasses> bytes{};  // by class

  int64_t& of(MemoryClass memory_class) { return bytes[static_cast<int>(memory_class)]; }
  int64_t total() const;  // of what is in memory
};

struct ForecastOptions {
  Trainable trainable = Trainable::no;
  int64_t num_tokens = 0;   // of the largest pack
  int micro_batches = 1;    // in flight at a time
  int gradient_groups = 1;  // numerics.data_slices, as far as they have packs
  int data_ranks = 1;
  Zero zero = Zero::none;
  bool offloads_optimizer = false;
  WeightFormat weights = WeightFormat::dense;  // or int8; what a file's blocks take, it alone tells
};

// Buffers of a weight's gradient while packs of so many groups are added: the sum at work, and
// finished subtrees that wait. ZeRO shares only what has been summed: they are whole on each rank.
int gradient_buffers(int groups);

MemoryForecast forecast_memory(const Graph& graph, const ForecastOptions& options);

}  // namespace troupe
