// How long handlers took, in buckets of a quarter of an octave: a quantile is at most 19 % above
// the true one. One writer, any number of readers, no locks.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace troupe {

class DurationHistogram {
 public:
  void add(int64_t ns) {
    auto& bucket = buckets_[bucket_of(ns)];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // An upper bound, in ns, of the `share` (0..1) quantile; 0 if nothing was added.
  int64_t quantile(double share) const {
    int64_t total = 0, seen = 0;
    for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i].load(std::memory_order_relaxed);
      if (seen > 0 && static_cast<double>(seen) >= share * static_cast<double>(total))
        return upper_bound_of(i);
    }
    return 0;
  }

 private:
  static constexpr int kFirstOctave = 7;  // below 128 ns is one bucket
  static constexpr size_t kBuckets = 128;

  static size_t bucket_of(int64_t ns) {
    if (ns < int64_t{1} << kFirstOctave) return 0;
    int octave = std::bit_width(static_cast<uint64_t>(ns)) - 1;
    auto quarter = (ns >> (octave - 2)) & 3;
    auto bucket = static_cast<size_t>((octave - kFirstOctave) * 4 + quarter + 1);
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }

  static int64_t upper_bound_of(size_t bucket) {
    if (bucket == 0) return int64_t{1} << kFirstOctave;
    auto octave = static_cast<int>((bucket - 1) / 4) + kFirstOctave;
    auto quarter = static_cast<int64_t>((bucket - 1) % 4);
    return (int64_t{4} + quarter + 1) << (octave - 2);
  }

  std::array<std::atomic<uint32_t>, kBuckets> buckets_ = {};
};

}  // namespace troupe
