// Memory that no Buffer holds, counted while its holder lives.
#pragma once

#include "devices/cpu/memory_use.h"

namespace troupe {

class CountedMemory {
 public:
  CountedMemory(MemoryClass memory_class, int64_t num_bytes)
      : class_(memory_class), num_bytes_(num_bytes) {
    count_memory(class_, num_bytes_);
  }
  ~CountedMemory() { count_memory(class_, -num_bytes_); }
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;

 private:
  MemoryClass class_;
  int64_t num_bytes_;
};

}  // namespace troupe
