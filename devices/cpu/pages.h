// Whole pages from the system, huge ones where the machine has them.
#pragma once

#include <cstddef>

#include "devices/cpu/memory_use.h"

namespace troupe {

inline constexpr size_t kHugePage = size_t{2} << 20;

inline size_t round_up(size_t size, size_t step) {
  return (size + step - 1) / step * step;
}

// `size` bytes, a multiple of kHugePage, at a multiple of it. Null when the memory is not there.
void* map_pages(size_t size);
void unmap_pages(void* pages, size_t size);

// Pieces that share chunks of huge pages with others of their class: reading one after another then
// meets few page boundaries, and none leaves most of a page unused. What is given back is taken
// again; a chunk goes back to the system with its last piece, so pieces of a class should stay
// about as long as each other. Thread-safe. Null when the memory is not there.
inline constexpr size_t kLargestPiece = 8 * kHugePage;
void* take_piece(size_t num_bytes, MemoryClass memory_class);
void give_piece(void* piece, MemoryClass memory_class);

// Whether pages mapped from now on may be huge; at first they may.
void allow_huge_pages(bool allow);

}  // namespace troupe
