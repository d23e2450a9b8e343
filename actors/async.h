// Straight-line code over messages: a coroutine that asks actors and goes on when they answer,
// while its own actor stays free to handle other messages.
//
//   Async<StageDone> update(Self* self) {
//     Examples examples = co_await ask_async<Examples>(self, source, TakeDemonstrations{0, 128});
//     ...
//   }
//
// A coroutine runs at once up to its first wait; starting two before awaiting either makes them
// overlap. It must be resumed on its actor only, which CAF's response handlers do. A failed request
// throws an Error where it is awaited.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "actors/request.h"
#include "base/error.h"

namespace troupe {

namespace detail {

struct AsyncPromiseBase {
  std::coroutine_handle<> continuation;
  std::exception_ptr error;

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      auto continuation = ended.promise().continuation;
      return continuation ? continuation : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  std::suspend_never initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() { error = std::current_exception(); }
};

template <class T>
struct AsyncPromise : AsyncPromiseBase {
  std::optional<T> value;
  void return_value(T result) { value = std::move(result); }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
};

template <>
struct AsyncPromise<void> : AsyncPromiseBase {
  void return_void() {}
  void take() {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Async {
 public:
  struct promise_type : detail::AsyncPromise<T> {
    Async get_return_object() {
      return Async(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  Async() = default;
  Async(Async&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Async& operator=(Async&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Async() {
    if (handle_) handle_.destroy();
  }

  bool is_started() const { return handle_ != nullptr; }  // false: there is nothing to await
  bool await_ready() const { return handle_.done(); }
  void await_suspend(std::coroutine_handle<> waiting) { handle_.promise().continuation = waiting; }
  T await_resume() { return handle_.promise().take(); }

 private:
  explicit Async(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Waits for all of them, also when one fails: a coroutine that is thrown away while its answer is
// still on its way would be resumed after its end. Then the first failure is thrown.
template <class T>
Async<std::vector<T>> await_all(std::vector<Async<T>> started) {
  std::vector<T> results;
  std::exception_ptr failure;
  for (auto& one : started) {
    try {
      T result = co_await one;
      results.push_back(std::move(result));
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  co_return results;
}

inline Async<void> await_all(std::vector<Async<void>> started) {
  std::exception_ptr failure;
  for (auto& one : started) {
    try {
      co_await one;
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// Awaits whatever `start` begins: it is given two functions, one of which will be called once.
template <class Reply, class Start>
class Awaited {
 public:
  explicit Awaited(Start start) : start_(std::move(start)) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    start_(
        [this, waiting](Reply&& reply) {
          reply_ = std::move(reply);
          waiting.resume();
        },
        [this, waiting](const std::string& what) {
          failure_ = what;
          waiting.resume();
        });
  }
  Reply await_resume() {
    if (failure_) throw Error(*failure_);
    return std::move(*reply_);
  }

 private:
  Start start_;
  std::optional<Reply> reply_;
  std::optional<std::string> failure_;
};

template <class Reply, class Start>
auto awaited(Start start) {
  return Awaited<Reply, Start>(std::move(start));
}

// One actor's reply.
template <class Reply, class Self, class Handle, class Message>
auto ask_async(Self* self, Peer<Handle> peer, Message message) {
  return awaited<Reply>(
      [self, peer = std::move(peer), message = std::move(message)](auto on_reply, auto on_failure) {
        ask<Reply>(self, peer, message, on_reply, on_failure);
      });
}

// The replies of several actors to the same message, in the peers' order.
template <class Reply, class Self, class Handle, class Message>
auto ask_all_async(Self* self, std::vector<Peer<Handle>> peers, Message message) {
  return awaited<std::vector<Reply>>(
      [self, peers = std::move(peers), message = std::move(message)](auto on_all, auto on_failure) {
        ask_all<Reply>(self, peers, message, on_all, on_failure);
      });
}

}  // namespace troupe
