#include "devices/cpu/buffer.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/pages.h"

namespace troupe {
namespace {

constexpr size_t kAlignment = 64, kSmallestPiece = 4096;

// Where a buffer's memory is from.
enum class Source { own_pages, shared_pages, heap };

bool stays(MemoryClass memory_class) {
  return memory_class == MemoryClass::weights || memory_class == MemoryClass::packed_weights ||
         memory_class == MemoryClass::gradients || memory_class == MemoryClass::optimizer;
}

Source source_of(size_t num_bytes, MemoryClass memory_class) {
  const bool shares = stays(memory_class) && num_bytes < kLargestPiece;
  if (shares && num_bytes >= kSmallestPiece) return Source::shared_pages;
  return num_bytes >= kHugePage ? Source::own_pages : Source::heap;
}

// One line more than asked for: kernels may prefetch or load beyond the end.
size_t with_line(size_t num_bytes) {
  return round_up(num_bytes, kAlignment) + kAlignment;
}

size_t mapped_size(size_t num_bytes) {
  return round_up(with_line(num_bytes), kHugePage);
}

void* allocate(Source source, size_t num_bytes, MemoryClass memory_class) {
  if (source == Source::own_pages) return map_pages(mapped_size(num_bytes));
  if (source == Source::shared_pages) return take_piece(with_line(num_bytes), memory_class);
  return std::aligned_alloc(kAlignment, with_line(num_bytes));
}

void release(Source source, void* data, size_t num_bytes, MemoryClass memory_class) {
  if (source == Source::own_pages) return unmap_pages(data, mapped_size(num_bytes));
  source == Source::shared_pages ? give_piece(data, memory_class) : std::free(data);
}

}  // namespace

Buffer::Buffer(size_t num_bytes, MemoryClass memory_class)
    : num_bytes_(num_bytes), memory_class_(memory_class) {
  data_ = allocate(source_of(num_bytes, memory_class), num_bytes, memory_class);
  CHECK(data_ != nullptr, num_bytes);
  count_memory(memory_class, static_cast<int64_t>(num_bytes));
}

Buffer::~Buffer() {
  if (!data_) return;
  release(source_of(num_bytes_, memory_class_), data_, num_bytes_, memory_class_);
  count_memory(memory_class_, -static_cast<int64_t>(num_bytes_));
}

void Buffer::fill_zero() {
  if (num_bytes_ > 0) std::memset(data_, 0, num_bytes_);
}

}  // namespace troupe
