// The compute threads of one process. Work is cut into contiguous ranges; idle threads sleep.
#pragma once

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

  std::mutex caller_mutex_;  // held for a whole parallel()
  std::mutex mutex_;         // guards what follows
  std::condition_variable started_, finished_;
  const Body* body_ = nullptr;
  int64_t count_ = 0;
  uint64_t generation_ = 0;
  int num_running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace troupe
