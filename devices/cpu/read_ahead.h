// What threads do while they wait for each other: they fetch what the next kernel will read, each
// the beginning of its own share, into their caches. Where memory is the limit (weights in
// generation), the time of a wait is not lost then.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

class ReadAhead {
 public:
  static constexpr size_t kMaxParts = 8;

  explicit ReadAhead(int num_threads) : progress_(static_cast<size_t>(num_threads)) {}

  // The memory that will be read, one part after another, each thread an equal share of it all. A
  // hint: it need not outlive its use, and of more than kMaxParts the rest is left out.
  void expect(std::span<const std::span<const std::byte>> parts);
  // Fetches a few lines of the thread's share; false when it has fetched enough.
  bool step(int thread);
  // The next lines of the thread's share, for a kernel to fetch while it computes; null when enough
  // has been fetched.
  const std::byte* take(int thread, int64_t num_lines);

 private:
  // Of one thread, in bytes of all parts together.
  struct alignas(64) Progress {
    uint64_t version = 0;
    int64_t at = 0, end = 0;
  };
  struct Part {
    std::atomic<const std::byte*> data = nullptr;
    std::atomic<int64_t> end = 0;  // of this part and those before it
  };

  // Threads may read these while they change: a wrong address is fetched for nothing.
  std::array<Part, kMaxParts> parts_;
  std::atomic<int64_t> num_bytes_ = 0;
  std::atomic<uint64_t> version_ = 0;
  std::vector<Progress> progress_;
};

}  // namespace troupe
