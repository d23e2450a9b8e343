#include "benchmarks/limits.h"

#include <algorithm>

#include "benchmarks/peak_loop.h"
#include "benchmarks/read_loop.h"
#include "benchmarks/timing.h"
#include "devices/cpu/buffer.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {

double peak_flops(DType dtype) {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    double flops = 0;
    const double seconds = time_of([&] { flops = run_peak_loop(dtype); });
    best = std::max(best, flops / seconds);
  }
  return best;
}

double read_bandwidth(int64_t num_bytes, ThreadPool& pool) {
  const int64_t num_lines = num_bytes / 64;
  const Buffer buffer(static_cast<size_t>(num_lines) * 64);
  const auto for_all = [&](auto&& body) {
    pool.parallel(num_lines, [&](int64_t begin, int64_t end, int) {
      body(buffer.as<float>() + begin * 16, (end - begin) * 16);
    });
  };
  for_all([](float* data, int64_t count) { std::fill_n(data, count, 1.0f); });
  const int passes = static_cast<int>(std::clamp<int64_t>((int64_t{4} << 30) / num_bytes, 3, 200));
  double best = 0;
  for (int i = 0; i < passes; ++i) {
    const double seconds = time_of([&] { for_all(run_read_loop); });
    best = std::max(best, static_cast<double>(num_lines) * 64 / seconds);
  }
  return best;
}

}  // namespace troupe
