// How often something that dies may be started again: so many times within a window, so that a
// process that cannot live is given up instead of started for ever.
#pragma once

#include <chrono>
#include <deque>

namespace troupe {

class RestartBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RestartBudget(int limit, std::chrono::milliseconds window) : limit_(limit), window_(window) {}

  // Whether it may be started again now; a yes counts.
  bool spend(Time now) {
    while (!spent_.empty() && now - spent_.front() >= window_) spent_.pop_front();
    if (static_cast<int>(spent_.size()) >= limit_) return false;
    spent_.push_back(now);
    return true;
  }

 private:
  int limit_;
  std::chrono::milliseconds window_;
  std::deque<Time> spent_;
};

}  // namespace troupe
