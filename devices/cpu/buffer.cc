#include "devices/cpu/buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

constexpr size_t kAlignment = 64, kHugePage = size_t{2} << 20;
std::atomic<bool> huge_pages_allowed = true;

size_t round_up(size_t size, size_t step) {
  return (size + step - 1) / step * step;
}

// Whole pages of its own, which go back to the system when they are freed.
bool has_pages(size_t num_bytes) {
  return num_bytes >= kHugePage;
}

// One line more than asked for: kernels may prefetch or load beyond the end.
size_t mapped_size(size_t num_bytes) {
  return round_up(num_bytes + kAlignment, kHugePage);
}

// At a multiple of a huge page: what lies before and behind is given back.
void* map_pages(size_t size) {
  void* pages = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  auto* begin = static_cast<char*>(pages);
  const size_t before =
      round_up(reinterpret_cast<size_t>(begin), kHugePage) - reinterpret_cast<size_t>(begin);
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kHugePage - before);
  if (huge_pages_allowed) madvise(begin + before, size, MADV_HUGEPAGE);  // a wish
  return begin + before;
}

}  // namespace

Buffer::Buffer(size_t num_bytes, MemoryClass memory_class)
    : num_bytes_(num_bytes), memory_class_(memory_class) {
  data_ = has_pages(num_bytes)
              ? map_pages(mapped_size(num_bytes))
              : std::aligned_alloc(kAlignment, round_up(num_bytes, kAlignment) + kAlignment);
  CHECK(data_ != nullptr, num_bytes);
  count_memory(memory_class, static_cast<int64_t>(num_bytes));
}

Buffer::~Buffer() {
  if (!data_) return;
  has_pages(num_bytes_) ? (void)munmap(data_, mapped_size(num_bytes_)) : std::free(data_);
  count_memory(memory_class_, -static_cast<int64_t>(num_bytes_));
}

void Buffer::fill_zero() {
  if (num_bytes_ > 0) std::memset(data_, 0, num_bytes_);
}

void allow_huge_pages(bool allow) {
  huge_pages_allowed = allow;
}

}  // namespace troupe
