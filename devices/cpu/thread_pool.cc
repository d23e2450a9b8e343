#include "devices/cpu/thread_pool.h"

#include "base/error.h"

namespace troupe {

ThreadPool::ThreadPool(int num_threads) {
  CHECK(num_threads >= 1 && num_threads <= 1024, num_threads);
  for (int thread = 1; thread < num_threads; ++thread)
    workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::parallel(int64_t count, const Body& body) {
  if (count <= 0) return;
  if (workers_.empty()) return body(0, count, 0);
  std::lock_guard one_caller(caller_mutex_);
  if (count == 1) return body(0, count, 0);
  {
    std::lock_guard lock(mutex_);
    body_ = &body;
    count_ = count;
    num_running_ = static_cast<int>(workers_.size());
    error_ = nullptr;
    ++generation_;
  }
  started_.notify_all();
  run_range(0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return num_running_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::run_range(int thread) {
  const int64_t begin = thread * count_ / num_threads(),
                end = (thread + 1) * count_ / num_threads();
  try {
    if (begin < end) (*body_)(begin, end, thread);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadPool::work(int thread) {
  for (uint64_t seen = 0;;) {
    {
      std::unique_lock lock(mutex_);
      started_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
    }
    run_range(thread);
    std::lock_guard lock(mutex_);
    if (--num_running_ == 0) finished_.notify_one();
  }
}

}  // namespace troupe
