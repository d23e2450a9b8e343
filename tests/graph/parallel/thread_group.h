// A group of threads of one test, whose members meet at a barrier: the plainest Communicator, as a
// reference for the others.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstring>
#include <memory>
#include <vector>

#include "base/counter_tree.h"
#include "base/error.h"
#include "devices/communicator.h"

namespace troupe {

class ThreadGroup {
 public:
  explicit ThreadGroup(int size) : barrier_(size), given_(size), present_(size) {}

  class Member : public Communicator {
   public:
    Member(ThreadGroup& all, int rank) : all_(all), rank_(rank) {}
    const std::string& group() const override { return name_; }
    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(all_.given_.size()); }

    bool all_reduce(std::span<float> values, Presence presence) override {
      return reduce(values, presence);
    }
    bool all_reduce(std::span<double> values, Presence presence) override {
      return reduce(values, presence);
    }
    bool reduce_scatter(std::span<const float> values, std::span<const int64_t> borders,
                        std::span<float> own, Presence presence) override {
      std::vector<float> sums(values.begin(), values.end());
      const bool any = reduce(std::span(sums), presence);
      if (any)
        std::copy(sums.begin() + borders[rank_], sums.begin() + borders[rank_ + 1], own.begin());
      return any;
    }
    void all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                    std::span<std::byte> all) override {
      std::vector<std::byte> result(all.size());
      give(own.data(), Presence::present);
      for (int rank = 0; rank < size(); ++rank)
        std::memcpy(result.data() + borders[rank], all_.given_[rank],
                    borders[rank + 1] - borders[rank]);
      all_.barrier_.arrive_and_wait();
      std::ranges::copy(result, all.begin());
    }
    void all_to_all(std::span<const std::byte> to_all, std::span<std::byte> from_all) override {
      const size_t part = to_all.size() / static_cast<size_t>(size());
      give(to_all.data(), Presence::present);
      for (int rank = 0; rank < size(); ++rank)
        std::memcpy(from_all.data() + rank * part,
                    static_cast<const std::byte*>(all_.given_[rank]) + rank_ * part, part);
      all_.barrier_.arrive_and_wait();
    }
    void broadcast(std::span<std::byte>, int) override { throw Error("not in this test"); }
    void barrier() override { all_.barrier_.arrive_and_wait(); }
    int64_t bytes_sent() const override { return 0; }

   private:
    void give(const void* data, Presence presence) {
      all_.given_[rank_] = data;
      all_.present_[rank_] = presence;
      all_.barrier_.arrive_and_wait();
    }
    template <class T>
    bool reduce(std::span<T> values, Presence presence) {
      const auto sum = [](T a, T b) { return a + b; };
      std::vector<T> result(values.begin(), values.end());
      give(values.data(), presence);
      bool any = false;
      for (size_t i = 0; i < values.size(); ++i) {
        CounterTree<T> tree;
        for (int rank = 0; rank < size(); ++rank)
          if (all_.present_[rank] == Presence::present)
            tree.add(static_cast<const T*>(all_.given_[rank])[i], sum);
          else
            tree.skip(sum);
        any = !tree.is_empty();
        if (any) result[i] = tree.total(sum);
      }
      all_.barrier_.arrive_and_wait();
      std::ranges::copy(result, values.begin());
      return any;
    }

    ThreadGroup& all_;
    int rank_;
    std::string name_ = "threads";
  };

  std::unique_ptr<Communicator> member(int rank) { return std::make_unique<Member>(*this, rank); }

 private:
  std::barrier<> barrier_;
  std::vector<const void*> given_;
  std::vector<Presence> present_;
};

}  // namespace troupe
