#include "devices/cpu/memory_use.h"

#include <algorithm>
#include <mutex>

namespace troupe {
namespace {

struct Counts {
  std::mutex mutex;
  MemoryUse use;
  int64_t total = 0;
};

Counts& counts() {
  static auto* counts = new Counts;  // lives as long as the last buffer
  return *counts;
}

}  // namespace

std::string_view name_of(MemoryClass memory_class) {
  constexpr std::string_view kNames[kNumMemoryClasses] = {
      "weights",  "packed_weights", "gradients",     "optimizer",          "activations",
      "kv_cache", "scratch",        "communication", "offloaded_optimizer"};
  return kNames[static_cast<int>(memory_class)];
}

MemoryUse memory_use() {
  std::lock_guard lock(counts().mutex);
  return counts().use;
}

void reset_memory_peaks() {
  std::lock_guard lock(counts().mutex);
  counts().use.peak = counts().use.current;
  counts().use.total_peak = counts().total;
}

void count_memory(MemoryClass memory_class, int64_t num_bytes) {
  const auto index = static_cast<size_t>(memory_class);
  std::lock_guard lock(counts().mutex);
  auto& use = counts().use;
  use.current[index] += num_bytes;
  use.peak[index] = std::max(use.peak[index], use.current[index]);
  if (is_in_memory(memory_class)) counts().total += num_bytes;
  use.total_peak = std::max(use.total_peak, counts().total);
}

}  // namespace troupe
