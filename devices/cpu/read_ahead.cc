#include "devices/cpu/read_ahead.h"

#include <algorithm>

namespace troupe {
namespace {

constexpr int64_t kLine = 64, kLinesOfStep = 8;
constexpr int64_t kMostBytes = int64_t{512} << 10;  // of a thread: a part of its second-level cache

}  // namespace

void ReadAhead::expect(std::span<const std::span<const std::byte>> parts) {
  int64_t end = 0;
  for (size_t i = 0; i < kMaxParts; ++i) {
    const auto part = i < parts.size() ? parts[i] : std::span<const std::byte>();
    end += std::ssize(part);
    parts_[i].data.store(part.data(), std::memory_order_relaxed);
    parts_[i].end.store(end, std::memory_order_relaxed);
  }
  num_bytes_.store(end, std::memory_order_relaxed);
  version_.fetch_add(1, std::memory_order_release);
}

const std::byte* ReadAhead::take(int thread, int64_t num_lines) {
  Progress& progress = progress_[thread];
  const uint64_t version = version_.load(std::memory_order_acquire);
  if (progress.version != version) {
    const int64_t total = num_bytes_.load(std::memory_order_relaxed);
    const int64_t count = std::ssize(progress_), begin = total * thread / count;
    progress = {version, begin, std::min(begin + kMostBytes, total * (thread + 1) / count)};
  }
  if (progress.at >= progress.end) return nullptr;
  size_t i = 0;
  int64_t start = 0;
  while (i + 1 < kMaxParts && parts_[i].end.load(std::memory_order_relaxed) <= progress.at)
    start = parts_[i++].end.load(std::memory_order_relaxed);
  const auto* lines = parts_[i].data.load(std::memory_order_relaxed) + (progress.at - start);
  progress.at += num_lines * kLine;
  return lines;
}

bool ReadAhead::step(int thread) {
  const auto* lines = take(thread, kLinesOfStep);
  if (!lines) return false;
  for (int64_t line = 0; line < kLinesOfStep; ++line)
    __builtin_prefetch(lines + line * kLine, 0, 2);
  return true;
}

}  // namespace troupe
