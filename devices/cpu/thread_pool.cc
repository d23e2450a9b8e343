#include "devices/cpu/thread_pool.h"

#include <chrono>
#include <utility>

#include "base/error.h"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

// Looking out offers the core to others all the while. Where a yield lasts as long as a scheduler's
// slice (an interrupt or a kernel's thread takes less), there are more threads than cores, and for
// some time it is best to sleep at once: the scheduler wakes sleepers soon, but lets those wait who
// had their share.
constexpr auto kLookOut = std::chrono::microseconds(500);
constexpr auto kSlice = std::chrono::microseconds(300);
constexpr auto kCrowded = std::chrono::milliseconds(5);

template <class Condition>
bool look_out_for(Condition&& holds) {
  thread_local Clock::time_point crowded_until;
  auto now = Clock::now();
  const auto end = now + kLookOut;
  while (now < end && now > crowded_until) {
    for (int i = 0; i < 256; ++i) {
      if (holds()) return true;
      __builtin_ia32_pause();
    }
    std::this_thread::yield();
    const auto before = std::exchange(now, Clock::now());
    if (now - before > kSlice) crowded_until = now + kCrowded;
  }
  return holds();
}

}  // namespace

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
  start(body, count);
  run_range(0);
  await_workers();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Whoever falls asleep says so before it looks a last time, and whoever wakes others looks for
// sleepers after it has changed what they wait for: so one of the two sees the other.
void ThreadPool::start(const Body& body, int64_t count) {
  body_ = &body;
  count_ = count;
  num_running_ = static_cast<int>(workers_.size());
  ++generation_;
  if (num_sleeping_ == 0) return;
  { std::lock_guard lock(mutex_); }
  started_.notify_all();
}

void ThreadPool::await_workers() {
  const auto done = [this] { return num_running_ == 0; };
  if (look_out_for(done)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  finished_.wait(lock, done);
  caller_sleeps_ = false;
}

bool ThreadPool::await_start(uint64_t seen) {
  const auto ready = [&] { return stopping_ || generation_ != seen; };
  if (look_out_for(ready)) return !stopping_;
  std::unique_lock lock(mutex_);
  ++num_sleeping_;
  started_.wait(lock, ready);
  --num_sleeping_;
  return !stopping_;
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
  for (uint64_t seen = 0; await_start(seen);) {
    seen = generation_;
    run_range(thread);
    if (--num_running_ > 0 || !caller_sleeps_) continue;
    std::lock_guard lock(mutex_);
    finished_.notify_one();
  }
}

}  // namespace troupe
