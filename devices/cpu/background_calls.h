// Calls that go on while whoever began them computes, as a group's collectives do: one thread
// carries them out, in the order in which they began.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "devices/cpu/thread_pool.h"

namespace troupe {

class BackgroundCalls {
 public:
  using Call = std::function<void()>;
  using Ticket = uint64_t;

  // Around waits that are not over at once: whoever holds a core lets go of it.
  explicit BackgroundCalls(std::function<void()> before_wait = {},
                           std::function<void()> after_wait = {});
  ~BackgroundCalls();  // when all are done
  BackgroundCalls(const BackgroundCalls&) = delete;
  BackgroundCalls& operator=(const BackgroundCalls&) = delete;

  // What the call reads and writes must be there until it is done.
  Ticket begin(Call call);
  // Waits for that call and all before it, as long as they take: each has its own deadline. Throws
  // what the first call that failed threw: nothing is carried out after it.
  void finish(Ticket ticket);
  void wait_for_all();  // whatever they threw

  // Whether the calling thread carries out such calls.
  static bool is_here();
  ThreadPool& pool() { return pool_; }  // for what calls compute beside

 private:
  void work();
  void wait(Ticket ticket);

  std::function<void()> before_wait_, after_wait_;
  ThreadPool pool_{1};
  Ticket last_ = 0;   // begun
  std::mutex mutex_;  // guards what follows
  std::condition_variable begun_, done_;
  std::deque<Call> waiting_;
  Ticket num_done_ = 0;
  std::exception_ptr error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace troupe
