#include "devices/cpu/pages.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>

namespace troupe {
namespace {

constexpr size_t kChunk = 4 * kLargestPiece, kLine = 64;
std::atomic<bool> huge_pages_allowed = true;

// Pages that are mapped together, and which of their bytes nobody has. Those that were never taken
// are not resident.
class Chunk {
 public:
  // The first hole's begin; null where none is large enough.
  char* take(char* begin, size_t size) {
    for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
      const auto [at, space] = *hole;
      if (space < size) continue;
      holes_.erase(hole);
      if (space > size) holes_[at + size] = space - size;
      sizes_[at] = size;
      return begin + at;
    }
    return nullptr;
  }

  // Grows the holes beside it.
  void give(size_t at) {
    auto hole = holes_.emplace(at, sizes_.extract(at).mapped()).first;
    if (const auto next = std::next(hole); next != holes_.end() && ends_at(hole, next->first)) {
      hole->second += next->second;
      holes_.erase(next);
    }
    if (hole == holes_.begin() || !ends_at(std::prev(hole), at)) return;
    std::prev(hole)->second += hole->second;
    holes_.erase(hole);
  }

  bool is_unused() const { return sizes_.empty(); }

 private:
  using Sizes = std::map<size_t, size_t>;  // by where they begin

  static bool ends_at(Sizes::const_iterator hole, size_t at) {
    return hole->first + hole->second == at;
  }

  Sizes holes_ = {{0, kChunk}}, sizes_;
};

// The chunks of one class.
class Chunks {
 public:
  void* take(size_t num_bytes) {
    std::lock_guard lock(mutex_);
    const size_t size = round_up(num_bytes, kLine);
    for (auto& [begin, chunk] : chunks_)
      if (char* piece = chunk.take(begin, size)) return piece;
    auto* begin = static_cast<char*>(map_pages(kChunk));
    return begin ? chunks_[begin].take(begin, size) : nullptr;
  }

  void give(char* piece) {
    std::lock_guard lock(mutex_);
    const auto chunk = std::prev(chunks_.upper_bound(piece));
    chunk->second.give(piece - chunk->first);
    if (!chunk->second.is_unused()) return;
    unmap_pages(chunk->first, kChunk);
    chunks_.erase(chunk);
  }

 private:
  std::mutex mutex_;
  std::map<char*, Chunk> chunks_;  // by where they begin
};

Chunks& chunks_of(MemoryClass memory_class) {
  // Pieces of static objects are given back at the very end.
  static auto* chunks = new std::array<Chunks, kNumMemoryClasses>;
  return (*chunks)[static_cast<size_t>(memory_class)];
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

void* take_piece(size_t num_bytes, MemoryClass memory_class) {
  return chunks_of(memory_class).take(num_bytes);
}

void give_piece(void* piece, MemoryClass memory_class) {
  chunks_of(memory_class).give(static_cast<char*>(piece));
}

void allow_huge_pages(bool allow) {
  huge_pages_allowed = allow;
}

}  // namespace troupe
