#include "kernels/attention/deal.h"

#include <algorithm>
#include <numeric>

namespace troupe {

std::vector<int64_t> deal(std::span<const double> costs, int num_parts) {
  const double total = std::accumulate(costs.begin(), costs.end(), 0.0);
  std::vector<int64_t> borders = {0};
  double before = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    const double middle = before + costs[i] / 2;
    while (static_cast<int>(borders.size()) < num_parts &&
           middle * num_parts >= total * static_cast<double>(borders.size()))
      borders.push_back(static_cast<int64_t>(i));
    before += costs[i];
  }
  borders.resize(num_parts + 1, static_cast<int64_t>(costs.size()));
  return borders;
}

double slowest_part(std::span<const double> costs, std::span<const int64_t> borders) {
  double slowest = 0;
  for (size_t part = 0; part + 1 < borders.size(); ++part)
    slowest = std::max(slowest, std::accumulate(costs.begin() + borders[part],
                                                costs.begin() + borders[part + 1], 0.0));
  return slowest;
}

int num_parts(const ThreadPool* pool, double total_cost) {
  if (!pool) return 1;
  const double worthwhile = total_cost / kWorthAThread;
  return worthwhile < pool->num_threads() ? std::max(1, static_cast<int>(worthwhile))
                                          : pool->num_threads();
}

}  // namespace troupe
