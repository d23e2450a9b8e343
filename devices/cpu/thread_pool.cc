#include "devices/cpu/thread_pool.h"

#include <algorithm>
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

int checked_count(int num_threads) {
  CHECK(num_threads >= 1 && num_threads <= 1024, num_threads);
  return num_threads;
}

}  // namespace

template <class Condition>
bool ThreadPool::look_out_for(int thread, Condition&& holds) {
  thread_local Clock::time_point crowded_until;
  auto now = Clock::now();
  const auto end = now + kLookOut;
  while (now < end && now > crowded_until) {
    for (int i = 0; i < 256; ++i) {
      if (holds()) return true;
      if (!read_ahead_.step(thread)) __builtin_ia32_pause();
    }
    std::this_thread::yield();
    const auto before = std::exchange(now, Clock::now());
    if (now - before > kSlice) crowded_until = now + kCrowded;
  }
  return holds();
}

ThreadPool::Range::Piece ThreadPool::Range::take(bool front, int64_t least) {
  uint64_t left = left_;
  for (;;) {
    const auto begin = static_cast<int64_t>(left >> 32), end = static_cast<int64_t>(left & ~0u);
    if (begin == end) return {};
    const int64_t size = end - begin, half = std::max((size + 1) / 2, least);
    const int64_t taking = size - half < least ? size : half;
    const Piece taken = front ? Piece{begin, begin + taking} : Piece{end - taking, end};
    const uint64_t rest = front ? pack(begin + taking, end) : pack(begin, end - taking);
    if (left_.compare_exchange_weak(left, rest)) return taken;
  }
}

ThreadPool::ThreadPool(int num_threads)
    : read_ahead_(checked_count(num_threads)), ranges_(static_cast<size_t>(num_threads)) {
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

void ThreadPool::parallel(int64_t count, const Body& body, int64_t least) {
  if (count <= 0) return;
  if (workers_.empty()) return body(0, count, 0);
  CHECK(count < int64_t{1} << 32, count);
  std::lock_guard one_caller(caller_mutex_);
  if (count == 1) return body(0, count, 0);
  for (int64_t thread = 0; thread < num_threads(); ++thread)
    ranges_[thread].set(thread * count / num_threads(), (thread + 1) * count / num_threads());
  run(body, least);
}

void ThreadPool::parallel(std::span<const int64_t> borders, const Body& body) {
  CHECK(std::ssize(borders) == num_threads() + 1, borders.size(), num_threads());
  CHECK(borders[0] == 0 && borders.back() < int64_t{1} << 32, borders[0], borders.back());
  std::lock_guard one_caller(caller_mutex_);
  for (int thread = 0; thread < num_threads(); ++thread)
    ranges_[thread].set(borders[thread], borders[thread + 1]);
  run(body, 1);
}

void ThreadPool::run(const Body& body, int64_t least) {
  start(body, least);
  run_ranges(0);
  await_workers();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Whoever falls asleep says so before it looks a last time, and whoever wakes others looks for
// sleepers after it has changed what they wait for: so one of the two sees the other.
void ThreadPool::start(const Body& body, int64_t least) {
  body_ = &body;
  least_ = least;
  num_running_ = static_cast<int>(workers_.size());
  ++generation_;
  if (num_sleeping_ == 0) return;
  { std::lock_guard lock(mutex_); }
  started_.notify_all();
}

void ThreadPool::await_workers() {
  const auto done = [this] { return num_running_ == 0; };
  if (look_out_for(0, done)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  finished_.wait(lock, done);
  caller_sleeps_ = false;
}

bool ThreadPool::await_start(int thread, uint64_t seen) {
  const auto ready = [&] { return stopping_ || generation_ != seen; };
  if (look_out_for(thread, ready)) return !stopping_;
  std::unique_lock lock(mutex_);
  ++num_sleeping_;
  started_.wait(lock, ready);
  --num_sleeping_;
  return !stopping_;
}

// Of its own range, or else of the next other that has something left.
ThreadPool::Range::Piece ThreadPool::next_piece(int thread) {
  auto piece = ranges_[thread].take_front(least_);
  for (int i = 1; piece.begin == piece.end && i < num_threads(); ++i)
    piece = ranges_[(thread + i) % num_threads()].take_back(least_);
  return piece;
}

void ThreadPool::run_ranges(int thread) {
  try {
    for (auto piece = next_piece(thread); piece.begin != piece.end; piece = next_piece(thread))
      (*body_)(piece.begin, piece.end, thread);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadPool::work(int thread) {
  for (uint64_t seen = 0; await_start(thread, seen);) {
    seen = generation_;
    run_ranges(thread);
    if (--num_running_ > 0 || !caller_sleeps_) continue;
    std::lock_guard lock(mutex_);
    finished_.notify_one();
  }
}

}  // namespace troupe
