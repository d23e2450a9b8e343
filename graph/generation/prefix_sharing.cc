#include "graph/generation/prefix_sharing.h"

#include <algorithm>

namespace troupe {
namespace {

constexpr int64_t kWorthSharing = 8;  // tokens: less is read again as fast as it is copied

int64_t common_prefix(const Sequence& a, const Sequence& b) {
  const auto [end, other] =
      std::mismatch(a.token_ids.begin(), a.token_ids.end(), b.token_ids.begin(), b.token_ids.end());
  return end - a.token_ids.begin();
}

void take_prefix(Sequence& sequence, const Sequence& from, int64_t count, KeyValueCache& cache) {
  const auto num_whole = static_cast<size_t>(count / kKeyBlock);
  for (size_t i = 0; i < num_whole; ++i) {
    cache.retain(from.blocks[i]);
    sequence.blocks.push_back(from.blocks[i]);
  }
  if (count % kKeyBlock != 0) {
    sequence.blocks.push_back(cache.allocate().value());
    cache.copy_block(from.blocks[num_whole], sequence.blocks.back());
  }
  sequence.num_cached = count;
}

}  // namespace

bool share_prefix(Sequence& sequence, std::span<const std::unique_ptr<Sequence>> earlier,
                  KeyValueCache& cache) {
  const Sequence* best = nullptr;
  int64_t ready = 0, coming = 0;
  for (const auto& other : earlier) {
    const int64_t common = std::min(common_prefix(sequence, *other), sequence.size() - 1);
    coming = std::max(coming, common);
    if (const int64_t cached = std::min(common, other->num_cached); cached > ready)
      best = other.get(), ready = cached;
  }
  if (coming - ready >= kWorthSharing) return false;
  if (ready >= kWorthSharing) take_prefix(sequence, *best, ready, cache);
  return true;
}

}  // namespace troupe
