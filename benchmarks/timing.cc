#include "benchmarks/timing.h"

#include <time.h>

#include <algorithm>
#include <cstdint>

namespace troupe {
namespace {

clockid_t clock_of_runs = CLOCK_MONOTONIC;

}  // namespace

void time_threads(int num_threads) {
  clock_of_runs = num_threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
}

double now() {
  timespec time;
  clock_gettime(clock_of_runs, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double time_of(const std::function<void()>& run, int repeats) {
  const double start = now();
  for (int i = 0; i < repeats; ++i) run();
  return (now() - start) / repeats;
}

double quantile(std::vector<double> values, double q) {
  const auto at = values.begin() + static_cast<int64_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Spread spread_of(const std::vector<double>& values) {
  return {quantile(values, 0.1), quantile(values, 0.5), quantile(values, 0.9)};
}

Pairs time_pairs(int num_pairs, const std::function<void()>& ours,
                 const std::function<void()>& rival) {
  ours(), rival();
  const int repeats = std::clamp(static_cast<int>(1e-3 / time_of(ours, 2)), 1, 5000);
  std::vector<double> times, ratios;
  for (int pair = 0; pair < num_pairs; ++pair) {
    const bool swap = pair % 2 != 0;
    const double first = time_of(swap ? rival : ours, repeats);
    const double second = time_of(swap ? ours : rival, repeats);
    times.push_back(swap ? second : first);
    ratios.push_back(swap ? first / second : second / first);
  }
  return {quantile(times, 0.5), spread_of(ratios)};
}

}  // namespace troupe
