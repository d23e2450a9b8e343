// The compute threads of one process. Work is cut into contiguous ranges, one a thread, of which a
// thread takes piece after smaller piece; one that is through with its own takes from the others',
// since no two cores are equally fast all the time. A thread without work looks out for more for a
// short while, since the next kernel mostly follows at once, then it sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "devices/cpu/read_ahead.h"

namespace troupe {

class ThreadPool {
 public:
  // The calling thread is one of `num_threads`, so 1 starts none.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs body(begin, end, thread) over [0, count), each thread some contiguous ranges, and returns
  // when all are done. count is below 2^32. One caller at a time has the threads; others wait (with
  // one thread each caller computes by itself). A range has `least` items or more, or a
  // thread's whole share: for work that each range has to prepare. An exception in `body` is
  // rethrown here. Must not be called from inside `body`.
  using Body = std::function<void(int64_t begin, int64_t end, int thread)>;
  void parallel(int64_t count, const Body& body, int64_t least = 1);
  // The same over [0, borders.back()), where thread t starts with [borders[t], borders[t + 1]):
  // for items of unequal cost. borders[0] is 0, and there are num_threads() + 1 of them.
  void parallel(std::span<const int64_t> borders, const Body& body);

  // What threads fetch while they wait.
  ReadAhead& read_ahead() { return read_ahead_; }

 private:
  // What nobody has taken yet of a thread's range: its owner takes from the front, others from the
  // back.
  class alignas(64) Range {
   public:
    struct Piece {
      int64_t begin = 0, end = 0;
    };
    void set(int64_t begin, int64_t end) { left_ = pack(begin, end); }
    Piece take_front(int64_t least) { return take(true, least); }
    Piece take_back(int64_t least) { return take(false, least); }

   private:
    static uint64_t pack(int64_t begin, int64_t end) {
      return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
    }
    Piece take(bool front, int64_t least);  // half of it or all; empty when nothing is left

    std::atomic<uint64_t> left_ = 0;
  };

  void work(int thread);
  void run_ranges(int thread);
  Range::Piece next_piece(int thread);
  void run(const Body& body, int64_t least);
  void start(const Body& body, int64_t least);
  template <class Condition>
  bool look_out_for(int thread, Condition&& holds);
  void await_workers();
  bool await_start(int thread, uint64_t seen);  // false: the pool ends

  std::mutex caller_mutex_;  // held for a whole parallel()
  ReadAhead read_ahead_;
  const Body* body_ = nullptr;
  int64_t least_ = 1;
  std::vector<Range> ranges_;             // [num_threads()]
  std::atomic<uint64_t> generation_ = 0;  // counts calls: what is above belongs to this one
  std::atomic<int> num_running_ = 0;      // workers that may still take a piece
  std::atomic<bool> stopping_ = false;

  std::mutex mutex_;  // guards the error, and falling asleep
  std::condition_variable started_, finished_;
  std::atomic<int> num_sleeping_ = 0;
  std::atomic<bool> caller_sleeps_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace troupe
