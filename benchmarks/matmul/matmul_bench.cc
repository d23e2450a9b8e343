// Times our matrix products and oneDNN's in turn, pair after pair, and prints the median of the
// pairs' ratios with its spread, beside the measured peak of multiply-adds and stream of reads.
//
//   matmul_bench [threads] [pairs] [model|large|small|MxNxK] [f32|bf16] [stream MB]
//   matmul_bench THREADS PAIRS step f32|bf16 [tokens]     all products of a training step together
//
// Weights of few rows come from copies that take turns, as in decode: as many MB of them as the
// stream reads (default 1024).
#include <omp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "benchmarks/limits.h"
#include "benchmarks/matmul/onednn_product.h"
#include "benchmarks/matmul/training_step.h"
#include "benchmarks/timing.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/instruction_set.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

using Tag = OnednnProduct::Tag;

struct Bench {
  DType dtype;
  int num_pairs;
  int64_t stream_bytes;
  ThreadPool pool;
  double peak, bandwidth;  // of all threads together

  Bench(DType type, int threads, int pairs, int64_t bytes)
      : dtype(type),
        num_pairs(pairs),
        stream_bytes(bytes),
        pool(threads),
        peak(threads * peak_flops(type)),
        bandwidth(read_bandwidth(bytes, pool)) {
    std::printf("%s, %s, %d threads: peak %.0f GF/s, reads of %ld MB %.1f GB/s\n",
                name_of(dtype).data(), name_of(instruction_set()).data(), threads, peak * 1e-9,
                bytes >> 20, bandwidth * 1e-9);
    std::printf(
        "| product | m | n | k | GF/s | of peak | GB/s | of stream | ours / oneDNN |\n"
        "|---|---|---|---|---|---|---|---|---|\n");
  }

  void report(const char* what, int64_t m, int64_t n, int64_t k, int copies, const Pairs& pairs) {
    const double time = pairs.seconds / copies;
    const double flops = 2.0 * static_cast<double>(m * n * k) / time;
    const double bytes = static_cast<double>(n * k) * static_cast<double>(size_of(dtype)) / time;
    std::printf("| %s | %ld | %ld | %ld | %.1f | %.0f %% | %.1f | %.0f %% | %.2f (%.2f, %.2f) |\n",
                what, m, n, k, flops * 1e-9, 100 * flops / peak, bytes * 1e-9,
                100 * bytes / bandwidth, pairs.ratio.median, pairs.ratio.low, pairs.ratio.high);
    std::fflush(stdout);
  }

  void forward(int64_t m, int64_t n, int64_t k, bool from_memory) {
    const Matrix x(m, k, dtype), w(n, k, dtype), y(m, n, dtype);
    const auto bytes = static_cast<int64_t>(size_of(dtype)) * n * k;
    const int copies =
        from_memory ? static_cast<int>(std::max<int64_t>(1, stream_bytes / bytes)) : 1;
    std::vector<std::unique_ptr<PackedWeight>> weights;
    for (int i = 0; i < copies; ++i) weights.push_back(packed(w));
    OnednnProduct rival(x, Tag::ab, w, Tag::ba, y, k, copies, true);
    for (const int slices : {1, 3}) {
      if (slices > 1 && (m < 64 || k % (2 * slices) != 0)) continue;
      const auto ours = [&] {
        for (const auto& weight : weights) matmul(x.tensor(), *weight, y.tensor(), slices, pool);
      };
      const auto theirs = [&] {
        for (int i = 0; i < copies; ++i) rival.run(i);
      };
      report(slices == 1 ? "forward" : "3 slices", m, n, k, copies,
             time_pairs(num_pairs, ours, theirs));
    }
  }

  void backward(int64_t m, int64_t n, int64_t k) {
    const Matrix x(m, k, dtype), w(n, k, dtype), dy(m, n, dtype), dx(m, k, dtype),
        dw(n, k, DType::f32);
    const auto weight = packed(w);
    const PackedWeight* part = weight.get();
    const Tensor dy_tensor = dy.tensor();
    OnednnProduct input(dy, Tag::ab, w, Tag::ab, dx, n, 1, true);
    const auto our_input = [&] {
      matmul_input_gradient({&dy_tensor, 1}, {&part, 1}, dx.tensor(), 1, pool);
    };
    report("dx", m, n, k, 1, time_pairs(num_pairs, our_input, [&] { input.run(0); }));
    OnednnProduct weights(dy, Tag::ba, x, Tag::ab, dw, m, 1, false);
    const auto our_weights = [&] {
      matmul_weight_gradient(dy_tensor, x.tensor(), dw.tensor().as<float>(), pool);
    };
    report("dw", m, n, k, 1, time_pairs(num_pairs, our_weights, [&] { weights.run(0); }));
  }

  std::unique_ptr<PackedWeight> packed(const Matrix& w) {
    auto weight = std::make_unique<PackedWeight>(w.shape[0], w.shape[1], dtype);
    dtype == DType::f32 ? weight->pack(w.tensor().as<float>(), pool)
                        : weight->pack(w.tensor().as<Bf16>(), pool);
    return weight;
  }

  void all(int64_t n, int64_t k, std::initializer_list<int64_t> rows) {
    for (const int64_t m : rows) forward(m, n, k, m <= 16);
    for (const int64_t m : rows)
      if (m >= 64) backward(m, n, k);
  }

  void run(const std::string& what) {
    long m = 0, n = 0, k = 0;
    if (std::sscanf(what.c_str(), "%ldx%ldx%ld", &m, &n, &k) == 3) {
      forward(m, n, k, m <= 16);
      backward(m, n, k);
    }
    using Sizes = std::pair<int64_t, int64_t>;
    if (what == "model")  // SmolLM2-135M: k or v, q or o, all three, gate or up, both, down, head
      for (const auto& [out, in] :
           {Sizes{192, 576}, Sizes{576, 576}, Sizes{960, 576}, Sizes{1536, 576}, Sizes{3072, 576},
            Sizes{576, 1536}, Sizes{49152, 576}})
        all(out, in, {1, 4, 16, 64, 256, 1024});
    if (what == "large")
      for (const auto& [out, in] : {Sizes{4096, 14336}, Sizes{14336, 4096}})
        all(out, in, {1, 4, 16, 64, 256, 1024});
    if (what == "small")  // configs/quickstart.yaml
      for (const auto& [out, in] :
           {Sizes{128, 128}, Sizes{256, 128}, Sizes{640, 128}, Sizes{128, 320}})
        all(out, in, {1, 8, 128, 1500});
  }
};

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  // OpenMP's threads would spin through our turns; it reads this only when a program starts.
  if (!std::getenv("OMP_WAIT_POLICY")) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv);
  }
  const auto argument = [&](int i, const char* otherwise) {
    return std::string(argc > i ? argv[i] : otherwise);
  };
  const int threads = std::stoi(argument(1, "1")), pairs = std::stoi(argument(2, "15"));
  omp_set_num_threads(threads);
  troupe::time_threads(threads);
  const auto what = argument(3, "model");
  const auto dtype = troupe::dtype_from_name(argument(4, "f32"));
  const int64_t size = std::stoll(argument(5, "1024"));
  if (what == "step") {
    troupe::ThreadPool pool(threads);
    troupe::time_training_step(dtype, pairs, size, pool);
    return 0;
  }
  troupe::Bench(dtype, threads, pairs, size << 20).run(what);
}
