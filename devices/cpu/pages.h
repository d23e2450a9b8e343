// Whole pages from the system, huge ones where the machine has them.
#pragma once

#include <cstddef>

namespace troupe {

inline constexpr size_t kHugePage = size_t{2} << 20;

inline size_t round_up(size_t size, size_t step) {
  return (size + step - 1) / step * step;
}

// `size` bytes, a multiple of kHugePage, at a multiple of it. Null when the memory is not there.
void* map_pages(size_t size);
void unmap_pages(void* pages, size_t size);

// Many pieces, each smaller than a huge page, that share chunks of them: reading one after another
// then meets few page boundaries. A chunk goes back to the system when its last piece is given
// back, so pieces should be such as stay about as long as each other. Thread-safe. Null when the
// memory is not there.
void* take_piece(size_t num_bytes);
void give_piece(void* piece);

// Whether pages mapped from now on may be huge; at first they may.
void allow_huge_pages(bool allow);

}  // namespace troupe
