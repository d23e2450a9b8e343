// Deals a list of work items of known cost to the threads of a pool, as contiguous ranges of
// similar cost. Every item owns its outputs, so how they are dealt changes no bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "devices/cpu/thread_pool.h"

namespace troupe {

// Costs count multiply-adds. Less than this is not worth waking another thread for.
inline constexpr double kWorthAThread = 50'000;

// The borders of `num_parts` ranges: part p is [borders[p], borders[p + 1]).
std::vector<int64_t> deal(std::span<const double> costs, int num_parts);

// The cost of the most expensive range.
double slowest_part(std::span<const double> costs, std::span<const int64_t> borders);

// How many threads a list of this total cost should use; a null pool has one thread.
int num_parts(const ThreadPool* pool, double total_cost);

// Calls body(items) for ranges of items, each by one thread; items have a member `double cost`.
template <class Item, class Body>
void run_dealt(ThreadPool* pool, std::span<const Item> items, const Body& body) {
  std::vector<double> costs;
  double total = 0;
  for (const Item& item : items) total += costs.emplace_back(item.cost);
  const int parts = num_parts(pool, total);
  if (parts == 1) return body(items);
  auto borders = deal(costs, parts);
  borders.resize(pool->num_threads() + 1, std::ssize(items));
  pool->parallel(borders,
                 [&](int64_t begin, int64_t end, int) { body(items.subspan(begin, end - begin)); });
}

}  // namespace troupe
