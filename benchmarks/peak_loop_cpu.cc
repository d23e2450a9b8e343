#include "benchmarks/peak_loop.h"
#include "kernels/matmul/words.h"

namespace troupe {
namespace {

// Sixteen lanes, enough accumulators to fill the pipelines.
template <class T>
double run_vectors() {
  constexpr int kSums = 12, kSteps = 100'000;
  Vec sums[kSums];
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) sums[i] = set1(static_cast<float>(i));
  float x = 1e-3f;
  for (int step = 0; step < kSteps; ++step) {
    asm volatile("" : "+x"(x));
    const Vec a = set1(x);
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sums[i] = multiply_add<T>(a, a, sums[i]);
  }
  volatile float keep = 0;
  for (const Vec& sum : sums) keep = keep + reduce_add(sum);
  return 2.0 * kSteps * kSums * kLanes * kElementsPerWord<T>;
}

#ifdef __AMX_BF16__

// Four products of 16 x 32 times 32 x 16, as a matrix product keeps them in its tiles.
double run_tiles() {
  constexpr int kSteps = 100'000;
  struct alignas(64) Config {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static constexpr Config config;  // static: GCC 12 thinks that only 8 bytes of it are read
  _tile_loadconfig(&config);
  for (int step = 0; step < kSteps; ++step) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 4.0 * kSteps * 2 * 16 * 16 * 32;
}

#endif

}  // namespace

double run_peak_loop(DType dtype) {
  if (dtype == DType::f32) return run_vectors<float>();
#ifdef __AMX_BF16__
  return run_tiles();
#else
  return run_vectors<Bf16>();
#endif
}

}  // namespace troupe
