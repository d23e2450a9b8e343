// Timing for benchmarks: what a piece of work takes, alone or against another that takes turns.
#pragma once

#include <functional>
#include <vector>

namespace troupe {

// One thread is timed by its own CPU clock, so that a busy machine hurts little; more by the
// wall's.
void time_threads(int num_threads);
double now();  // seconds
double time_of(const std::function<void()>& run, int repeats = 1);

double quantile(std::vector<double> values, double q);

struct Spread {
  double low = 0, median = 0, high = 0;  // 10 %, 50 %, 90 %
};
Spread spread_of(const std::vector<double>& values);

struct Pairs {
  double seconds = 0;  // of one of ours, the median
  Spread ratio;        // the rival's time over ours, of a pair
};
// Rounds of both in turn, each long enough to be timed. Both have run once before.
Pairs time_pairs(int num_pairs, const std::function<void()>& ours,
                 const std::function<void()>& rival);

}  // namespace troupe
