// What one actor did lately: the messages that it handled and the named pieces of work inside. One
// writer, one reader now and then; what is not taken in time is overwritten, oldest first.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace troupe {

// Times are of the steady clock, in ns.
struct HandledSpan {
  uint32_t edge = 0;  // index into the actor's edges
  int64_t arrived_ns = 0, start_ns = 0, end_ns = 0;
};

struct WorkSpan {
  std::string label;  // "F3": forward of micro-batch 3; "step 12"
  int64_t start_ns = 0, end_ns = 0;
};

template <class Span>
class TimelineLog {
 public:
  static constexpr size_t kCapacity = 8192;

  void add(Span span) {
    std::lock_guard lock(mutex_);
    if (spans_.size() < kCapacity)
      spans_.push_back(std::move(span));
    else
      spans_[oldest_++ % kCapacity] = std::move(span);
  }

  // All since the last call, in the order of their ends but for a rotation.
  std::vector<Span> take() {
    std::lock_guard lock(mutex_);
    oldest_ = 0;
    return std::exchange(spans_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Span> spans_;
  size_t oldest_ = 0;
};

}  // namespace troupe
