#include "devices/cpu/pages.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace troupe {
namespace {

constexpr size_t kChunk = 8 * kHugePage, kLine = 64;
std::atomic<bool> huge_pages_allowed = true;

struct Chunk {
  size_t used = 0;  // bytes from its begin; what is given back is not taken again
  int pieces = 0;
};

class Chunks {
 public:
  void* take(size_t num_bytes) {
    std::lock_guard lock(mutex_);
    const size_t size = round_up(num_bytes, kLine);
    if (!newest_ || chunks_[newest_].used + size > kChunk) {
      auto* pages = static_cast<char*>(map_pages(kChunk));
      if (!pages) return nullptr;
      newest_ = pages;
    }
    Chunk& chunk = chunks_[newest_];
    ++chunk.pieces;
    return newest_ + std::exchange(chunk.used, chunk.used + size);
  }

  void give(void* piece) {
    std::lock_guard lock(mutex_);
    const auto it = std::prev(chunks_.upper_bound(static_cast<char*>(piece)));
    if (--it->second.pieces > 0) return;
    if (it->first == newest_) newest_ = nullptr;
    unmap_pages(it->first, kChunk);
    chunks_.erase(it);
  }

 private:
  std::mutex mutex_;
  std::map<char*, Chunk> chunks_;  // by where they begin
  char* newest_ = nullptr;
};

Chunks& chunks() {
  static auto* chunks = new Chunks;  // pieces of static objects are given back at the very end
  return *chunks;
}

}  // namespace

// What lies before and behind the multiple of a huge page is given back.
void* map_pages(size_t size) {
  void* pages = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  auto* begin = static_cast<char*>(pages);
  const auto at = reinterpret_cast<uintptr_t>(begin);
  const size_t before = round_up(at, kHugePage) - at;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kHugePage - before);
  if (huge_pages_allowed) madvise(begin + before, size, MADV_HUGEPAGE);  // a wish
  return begin + before;
}

void unmap_pages(void* pages, size_t size) {
  munmap(pages, size);
}

void* take_piece(size_t num_bytes) {
  return chunks().take(num_bytes);
}

void give_piece(void* piece) {
  chunks().give(piece);
}

void allow_huge_pages(bool allow) {
  huge_pages_allowed = allow;
}

}  // namespace troupe
