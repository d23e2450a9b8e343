#include "benchmarks/read_loop.h"
#include "kernels/vec.h"

namespace troupe {

void run_read_loop(const float* data, int64_t count) {
  constexpr int kSums = 8, kAhead = 1024;  // prefetched 4 KiB ahead, as the products do
  Vec sums[kSums] = {zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
#pragma GCC unroll 8
    for (int j = 0; j < kSums; ++j) {
      __builtin_prefetch(data + i + j * kLanes + kAhead);
      sums[j] = add(sums[j], load(data + i + j * kLanes));
    }
  }
  for (; i < count; i += kLanes) sums[0] = add(sums[0], load(data + i, first_lanes(count - i)));
  volatile float keep = 0;
  for (const Vec& sum : sums) keep = keep + reduce_add(sum);
}

}  // namespace troupe
