// Ranks of a group as threads, and what any Communicator must give them: collectives beside a plain
// reference, with the same bits.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "devices/communicator.h"

namespace troupe {

using Ranks = std::vector<std::unique_ptr<Communicator>>;

// Runs `body` for every rank at once; gives each one's error, empty where there was none.
inline std::vector<std::string> errors_of(Ranks& ranks,
                                          const std::function<void(Communicator&)>& body) {
  std::vector<std::string> errors(ranks.size());
  std::vector<std::jthread> threads;
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    threads.emplace_back([&, rank] {
      try {
        body(*ranks[rank]);
      } catch (const std::exception& error) {
        errors[rank] = error.what();
      }
    });
  threads.clear();
  return errors;
}

inline void at_once(Ranks& ranks, const std::function<void(Communicator&)>& body) {
  for (const auto& error : errors_of(ranks, body))
    if (!error.empty()) throw std::runtime_error(error);
}

// Of many sizes, so that the order of additions shows.
template <class T>
std::vector<T> addend(uint64_t seed, int rank, int64_t count) {
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t mixed =
        (seed + static_cast<uint64_t>(i) * 64 + static_cast<uint64_t>(rank)) * 0x9e3779b97f4a7c15u;
    const auto fraction = static_cast<T>(mixed >> 40) / T{1 << 23} - T{1};
    values.push_back(std::ldexp(fraction, static_cast<int>(mixed % 13)));
  }
  return values;
}

// The one order from the top: all but the last power of two on the left. None: nobody is present.
template <class T>
std::optional<T> tree_sum(std::span<const T> addends, std::span<const Presence> presences) {
  if (addends.size() == 1)
    return presences[0] == Presence::absent ? std::nullopt : std::optional(addends[0]);
  size_t left = 1;
  while (left * 2 < addends.size()) left *= 2;
  const auto a = tree_sum(addends.first(left), presences.first(left));
  const auto b = tree_sum(addends.subspan(left), presences.subspan(left));
  return a && b ? *a + *b : a ? a : b;
}

// By rank; each rank has its addend at first, and the sum where anyone is present.
template <class T>
std::vector<T> reference_sum(uint64_t seed, std::span<const Presence> presences, int64_t count,
                             int rank) {
  std::vector<std::vector<T>> all;
  for (size_t i = 0; i < presences.size(); ++i)
    all.push_back(addend<T>(seed, static_cast<int>(i), count));
  std::vector<T> sums = all[static_cast<size_t>(rank)];
  std::vector<T> addends(all.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    for (size_t j = 0; j < all.size(); ++j) addends[j] = all[j][i];
    if (const auto sum = tree_sum<T>(addends, presences)) sums[i] = *sum;
  }
  return sums;
}

inline std::vector<std::byte> some_bytes(uint64_t seed, int rank, int64_t count) {
  std::vector<std::byte> bytes;
  for (int64_t i = 0; i < count; ++i)
    bytes.push_back(
        static_cast<std::byte>((seed + static_cast<uint64_t>(rank * 31 + i * 7)) % 251));
  return bytes;
}

// A few calls of every kind, of any sizes.
struct AnyCalls {
  uint64_t seed = 0;
  std::vector<Presence> presences;
  std::vector<int64_t> borders;  // of `borders.back()` elements

  int size() const { return static_cast<int>(presences.size()); }
  int64_t count() const { return borders.back(); }
  int64_t share(int rank) const {
    return borders[static_cast<size_t>(rank) + 1] - borders[static_cast<size_t>(rank)];
  }
};

inline AnyCalls any_calls(int size, int64_t longest_share) {
  AnyCalls calls{*rc::gen::arbitrary<uint64_t>(), {}, {0}};
  for (int rank = 0; rank < size; ++rank) {
    const bool is_present = *rc::gen::weightedElement<bool>({{4, true}, {1, false}});
    calls.presences.push_back(is_present ? Presence::present : Presence::absent);
    const auto share = *rc::gen::oneOf(rc::gen::inRange<int64_t>(0, 3),
                                       rc::gen::inRange<int64_t>(0, longest_share));
    calls.borders.push_back(calls.borders.back() + share);
  }
  return calls;
}

template <class T>
void expect_all_reduce(Communicator& group, const AnyCalls& calls) {
  const auto presence = calls.presences[static_cast<size_t>(group.rank())];
  const bool is_any = std::ranges::count(calls.presences, Presence::present) > 0;
  auto values = addend<T>(calls.seed, group.rank(), calls.count());
  CHECK(group.all_reduce(std::span(values), presence) == is_any);
  CHECK(values == reference_sum<T>(calls.seed, calls.presences, calls.count(), group.rank()));
}

inline void expect_reduce_scatter(Communicator& group, const AnyCalls& calls, bool in_place) {
  const auto rank = static_cast<size_t>(group.rank());
  auto values = addend<float>(calls.seed, group.rank(), calls.count());
  std::vector<float> apart(static_cast<size_t>(calls.share(group.rank())));
  const auto begin = values.begin() + calls.borders[rank], end = begin + std::ssize(apart);
  if (!in_place) apart.assign(begin, end);
  const std::span<float> own = in_place ? std::span(begin, end) : std::span(apart);
  group.reduce_scatter(values, calls.borders, own, calls.presences[rank]);
  const auto sums = reference_sum<float>(calls.seed, calls.presences, calls.count(), group.rank());
  CHECK(std::equal(own.begin(), own.end(), sums.begin() + calls.borders[rank]));
}

inline void expect_moves(Communicator& group, const AnyCalls& calls) {
  const auto whole = some_bytes(calls.seed, 0, calls.count());
  std::vector<std::byte> all(whole.size());
  const auto begin = calls.borders[static_cast<size_t>(group.rank())];
  group.all_gather(std::span(whole).subspan(static_cast<size_t>(begin),
                                            static_cast<size_t>(calls.share(group.rank()))),
                   calls.borders, all);
  CHECK(all == whole);

  const int root = static_cast<int>(calls.seed % static_cast<uint64_t>(group.size()));
  auto values = some_bytes(calls.seed, group.rank(), calls.count());
  group.broadcast(values, root);
  CHECK(values == some_bytes(calls.seed, root, calls.count()));

  std::vector<std::byte> to_all, expected;
  for (int other = 0; other < group.size(); ++other) {
    const auto to = some_bytes(calls.seed, group.rank() * 64 + other, calls.share(0));
    to_all.insert(to_all.end(), to.begin(), to.end());
    const auto from = some_bytes(calls.seed, other * 64 + group.rank(), calls.share(0));
    expected.insert(expected.end(), from.begin(), from.end());
  }
  std::vector<std::byte> from_all(to_all.size());
  group.all_to_all(to_all, from_all);
  CHECK(from_all == expected);
}

inline void expect_all(Communicator& group, const AnyCalls& calls) {
  expect_all_reduce<float>(group, calls);
  expect_all_reduce<double>(group, calls);
  expect_reduce_scatter(group, calls, true);
  expect_reduce_scatter(group, calls, false);
  group.barrier();
  expect_moves(group, calls);
}

}  // namespace troupe
