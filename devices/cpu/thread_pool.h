// The compute threads of one process. Work is cut into contiguous ranges. A thread without work
// looks out for more for a short while, since the next kernel mostly follows at once, then it
// sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe {

class ThreadPool {
 public:
  // The calling thread is one of `num_threads`, so 1 starts none.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs body(begin, end, thread) over [0, count), each thread one contiguous range, and returns
  // when all are done. One caller at a time has the threads; others wait (with one thread each
  // caller computes by itself). An exception in `body` is rethrown here. Must not be called from
  // inside `body`.
  using Body = std::function<void(int64_t begin, int64_t end, int thread)>;
  void parallel(int64_t count, const Body& body);

 private:
  void work(int thread);
  void run_range(int thread);
  void start(const Body& body, int64_t count);
  void await_workers();
  bool await_start(uint64_t seen);  // false: the pool ends

  std::mutex caller_mutex_;  // held for a whole parallel()
  const Body* body_ = nullptr;
  int64_t count_ = 0;
  std::atomic<uint64_t> generation_ = 0;  // counts calls: what is above belongs to this one
  std::atomic<int> num_running_ = 0;      // workers that haven't ended their ranges
  std::atomic<bool> stopping_ = false;

  std::mutex mutex_;  // guards the error, and falling asleep
  std::condition_variable started_, finished_;
  std::atomic<int> num_sleeping_ = 0;
  std::atomic<bool> caller_sleeps_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace troupe
