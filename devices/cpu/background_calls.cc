#include "devices/cpu/background_calls.h"

namespace troupe {
namespace {

thread_local bool carries_out_calls = false;

}  // namespace

bool BackgroundCalls::is_here() {
  return carries_out_calls;
}

BackgroundCalls::BackgroundCalls(std::function<void()> before_wait,
                                 std::function<void()> after_wait)
    : before_wait_(std::move(before_wait)),
      after_wait_(std::move(after_wait)),
      thread_([this] { work(); }) {}

BackgroundCalls::~BackgroundCalls() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  begun_.notify_one();
  thread_.join();
}

BackgroundCalls::Ticket BackgroundCalls::begin(Call call) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(call));
  }
  begun_.notify_one();
  return ++last_;
}

void BackgroundCalls::finish(Ticket ticket) {
  wait(ticket);
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void BackgroundCalls::wait_for_all() {
  wait(last_);
}

void BackgroundCalls::wait(Ticket ticket) {
  const auto is_done = [&] { return num_done_ >= ticket; };
  {
    const std::lock_guard lock(mutex_);
    if (is_done()) return;
  }
  if (before_wait_) before_wait_();
  {
    std::unique_lock lock(mutex_);
    done_.wait(lock, is_done);
  }
  if (after_wait_) after_wait_();
}

void BackgroundCalls::work() {
  carries_out_calls = true;
  std::unique_lock lock(mutex_);
  for (;;) {
    begun_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Call call = std::move(waiting_.front());
    waiting_.pop_front();
    if (!error_) {
      lock.unlock();
      std::exception_ptr error;
      try {
        call();
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      error_ = error;
    }
    ++num_done_;
    done_.notify_all();
  }
}

}  // namespace troupe
