// What this process's tensors take, by what they are for: now, and at most so far.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace troupe {

enum class MemoryClass : uint8_t {
  weights,         // f32 masters, tables, plain weights
  packed_weights,  // what matrix products read
  gradients,
  optimizer,
  activations,
  kv_cache,
  scratch,
  communication,        // what collectives and messages between stages go through
  offloaded_optimizer,  // in files: not part of totals
};
inline constexpr int kNumMemoryClasses = 9;

std::string_view name_of(MemoryClass memory_class);

inline bool is_in_memory(MemoryClass memory_class) {
  return memory_class != MemoryClass::offloaded_optimizer;
}

struct MemoryUse {
  std::array<int64_t, kNumMemoryClasses> current{}, peak{};  // bytes, by class
  int64_t total_peak = 0;                                    // of all classes at one time

  int64_t peak_of(MemoryClass memory_class) const { return peak[static_cast<int>(memory_class)]; }
};

// Thread-safe, as are the following.
MemoryUse memory_use();
// Peaks become what is in use now.
void reset_memory_peaks();
// `num_bytes` more, or fewer. Buffers do this themselves.
void count_memory(MemoryClass memory_class, int64_t num_bytes);

}  // namespace troupe
