// Products with weights in a file's blocks. One row: bytes of blocks a second, against a stream
// that reads as much memory in turns. More rows: billions of multiplications and additions a
// second. Weights of many layers take turns, so that one row finds them in memory, not in a cache.
//
//   quantized_bench THREADS PAIRS MEGABYTES
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "benchmarks/read_loop.h"
#include "benchmarks/timing.h"
#include "devices/cpu/buffer.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/quantized_matmul.h"

namespace troupe {
namespace {

constexpr int64_t kN = 3072, kK = 1536;

std::deque<QuantizedWeight> make_weights(BlockType type, double bytes, ThreadPool& pool) {
  const std::vector<std::byte> blocks(static_cast<size_t>(block_bytes(type, {kN, kK})),
                                      std::byte{0x21});
  std::deque<QuantizedWeight> weights;
  do weights.emplace_back(type, kN, kK).pack(blocks, pool);
  while (static_cast<double>(weights.size() * weights[0].num_bytes()) < bytes);
  return weights;
}

void multiply(const QuantizedWeight& weight, int64_t m, ThreadPool& pool) {
  static std::vector<float> x, y;
  x.resize(static_cast<size_t>(m * kK), 0.5f), y.resize(static_cast<size_t>(m * kN));
  const QuantizedWeight* w = &weight;
  const Tensor result = {y.data(), DType::f32, {m, kN}};
  matmul_quantized({x.data(), DType::f32, {m, kK}}, {&w, 1}, {&result, 1}, pool);
}

void read_all(const Buffer& memory, ThreadPool& pool) {
  const auto count = static_cast<int64_t>(memory.num_bytes() / sizeof(float));
  pool.parallel(count, [&](int64_t begin, int64_t end, int) {
    run_read_loop(memory.as<float>() + begin, end - begin);
  });
}

void measure(BlockType type, int num_pairs, double bytes, ThreadPool& pool) {
  const auto weights = make_weights(type, bytes, pool);
  const double size = static_cast<double>(weights.size() * weights[0].num_bytes());
  Buffer memory(static_cast<size_t>(size));  // in pages like the weights'
  memory.fill_zero();
  const auto multiply_all = [&] {
    for (const auto& weight : weights) multiply(weight, 1, pool);
  };
  const Pairs pairs = time_pairs(num_pairs, multiply_all, [&] { read_all(memory, pool); });
  std::printf("%-5s 1 row: %5.1f GB/s, %.2f (%.2f, %.2f) of a read stream",
              format_of(type).name.data(), size / pairs.seconds * 1e-9, pairs.ratio.median,
              pairs.ratio.low, pairs.ratio.high);
  for (int64_t m : {16, 64, 512}) {
    std::vector<double> times;
    for (int i = 0; i < num_pairs; ++i)
      times.push_back(time_of([&] { multiply(weights[0], m, pool); }));
    std::printf("; %ld rows: %.0f GF/s", m,
                2e-9 * static_cast<double>(m * kN * kK) / spread_of(times).median);
  }
  std::printf("\n");
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  using namespace troupe;
  if (argc != 4) return std::printf("quantized_bench THREADS PAIRS MEGABYTES\n"), 2;
  ThreadPool pool(std::atoi(argv[1]));
  time_threads(pool.num_threads());
  for (BlockType type :
       {BlockType::q8_0, BlockType::q4_0, BlockType::q4_1, BlockType::q4_k, BlockType::q6_k})
    measure(type, std::atoi(argv[2]), std::atof(argv[3]) * 1e6, pool);
}
