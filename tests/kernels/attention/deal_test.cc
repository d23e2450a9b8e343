#include "kernels/attention/deal.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace troupe {
namespace {

RC_GTEST_PROP(DealTest, RangesCoverTheListAndNoneExceedsItsShareByMoreThanAnItem, ()) {
  const auto whole = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 1000));
  const std::vector<double> costs(whole.begin(), whole.end());
  const int parts = *rc::gen::inRange(1, 9);
  const auto borders = deal(costs, parts);
  RC_ASSERT(borders.size() == static_cast<size_t>(parts) + 1);
  RC_ASSERT(borders.front() == 0 && borders.back() == static_cast<int64_t>(costs.size()));
  RC_ASSERT(std::is_sorted(borders.begin(), borders.end()));
  const double total = std::accumulate(costs.begin(), costs.end(), 0.0);
  const double dearest = costs.empty() ? 0 : *std::max_element(costs.begin(), costs.end());
  RC_ASSERT(slowest_part(costs, borders) <= total / parts + dearest);
}

TEST(DealTest, RunsEveryItemOnceOnAnyNumberOfThreads) {
  struct Item {
    int index;
    double cost;
  };
  std::vector<Item> items;
  for (int i = 0; i < 100; ++i) items.push_back({i, 1e5 * i});
  for (const int num_threads : {1, 2, 5}) {
    ThreadPool pool(num_threads);
    std::vector<std::atomic<int>> calls(items.size());
    run_dealt(&pool, std::span<const Item>(items), [&](std::span<const Item> share) {
      for (const Item& item : share) ++calls[item.index];
    });
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
  }
}

TEST(DealTest, SmallListsStayOnTheCaller) {
  ThreadPool pool(4);
  EXPECT_EQ(num_parts(&pool, kWorthAThread / 2), 1);
  EXPECT_EQ(num_parts(&pool, kWorthAThread * 2.5), 2);
  EXPECT_EQ(num_parts(&pool, kWorthAThread * 100), 4);
  EXPECT_EQ(num_parts(nullptr, kWorthAThread * 100), 1);
}

}  // namespace
}  // namespace troupe
