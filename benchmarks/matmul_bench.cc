// Times our matrix products and oneDNN's in turn, pair after pair, and prints the median of the
// pairs' ratios with its spread, beside the measured peak of multiply-adds.
//
//   matmul_bench [threads] [pairs] [forward|backward|small|all|MxNxK] [f32|bf16]
//
// Weights of few rows come from 64 MB of copies that take turns, as in decode.
#include <omp.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "benchmarks/peak_loop.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// One thread is timed by its own CPU clock, so that a busy machine hurts little.
clockid_t clock_of_runs = CLOCK_THREAD_CPUTIME_ID;

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

// Of one thread, in multiply-adds and additions a second.
double peak_flops(DType dtype) {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const double start = now();
    const double flops = run_peak_loop(dtype);
    best = std::max(best, flops / (now() - start));
  }
  return best;
}

struct Matrix {
  DType dtype;
  Shape shape;
  std::unique_ptr<char, decltype(&std::free)> data;

  Matrix(int64_t rows, int64_t columns, DType type)
      : dtype(type), shape{rows, columns}, data(nullptr, &std::free) {
    const size_t bytes = rows * columns * size_of(type);
    data.reset(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
    std::mt19937 engine(1);
    for (int64_t i = 0; i < rows * columns; ++i) {
      const float x = static_cast<float>(engine() >> 8) * 0x1p-24f - 0.5f;
      if (type == DType::f32) tensor().as<float>()[i] = x;
      if (type == DType::bf16) tensor().as<Bf16>()[i] = to_bf16(x);
    }
  }
  Tensor tensor() const { return {data.get(), dtype, shape}; }
};

Type type_of(DType dtype) {
  return dtype == DType::f32 ? Type::f32 : Type::bf16;
}

// y = a b in oneDNN, with b in the layout that it likes best (unless told to take it as it is).
class Rival {
 public:
  Rival(const Matrix& a, Tag a_tag, const Matrix& b, Tag b_tag, const Matrix& y, int64_t k,
        int copies, bool reorder)
      : stream_(engine()) {
    const int64_t m = y.shape[0], n = y.shape[1];
    const dnnl::memory::desc a_desc({m, k}, type_of(a.dtype), a_tag);
    const dnnl::memory::desc b_desc({k, n}, type_of(b.dtype), reorder ? Tag::any : b_tag);
    const dnnl::memory::desc y_desc({m, n}, type_of(y.dtype), Tag::ab);
    const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a_desc, b_desc, y_desc), engine());
    matmul_ = dnnl::matmul(desc);
    dnnl::memory plain({{k, n}, type_of(b.dtype), b_tag}, engine(), b.data.get());
    for (int i = 0; i < copies; ++i) {
      dnnl::memory packed(desc.weights_desc(), engine());
      dnnl::reorder(plain, packed).execute(stream_, plain, packed);
      arguments_.push_back({{DNNL_ARG_SRC, dnnl::memory(desc.src_desc(), engine(), a.data.get())},
                            {DNNL_ARG_WEIGHTS, packed},
                            {DNNL_ARG_DST, dnnl::memory(desc.dst_desc(), engine(), y.data.get())}});
    }
    stream_.wait();
  }
  void run(int copy) {
    matmul_.execute(stream_, arguments_[copy]);
    stream_.wait();
  }

 private:
  static const dnnl::engine& engine() {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
  }
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
};

struct Bench {
  DType dtype;
  int num_pairs;
  double peak;  // of all threads together
  ThreadPool pool;

  Bench(DType type, int threads, int pairs)
      : dtype(type), num_pairs(pairs), peak(threads * peak_flops(type)), pool(threads) {
    std::printf("%s, %d threads, peak %.0f GF/s\n", name_of(dtype).data(), threads, peak * 1e-9);
    std::printf("%-10s %5s %6s %6s | %8s %6s %7s | ours / oneDNN speed: median (10 %%, 90 %%)\n",
                "", "m", "n", "k", "GF/s", "% peak", "GB/s");
  }

  void report(const char* what, int64_t m, int64_t n, int64_t k, int calls,
              const std::function<void()>& ours, const std::function<void()>& rival) {
    ours(), rival();
    const int repeats = std::clamp(static_cast<int>(1e-3 / time_of(ours, 2)), 1, 5000);
    std::vector<double> times, ratios;
    for (int pair = 0; pair < num_pairs; ++pair) {
      const bool swap = pair % 2 != 0;
      const double first = time_of(swap ? rival : ours, repeats);
      const double second = time_of(swap ? ours : rival, repeats);
      times.push_back((swap ? second : first) / calls);
      ratios.push_back(swap ? first / second : second / first);
    }
    const double time = quantile(times, 0.5), flops = 2.0 * static_cast<double>(m * n * k) / time;
    std::printf("%-10s %5ld %6ld %6ld | %8.1f %6.1f %7.1f | %.2f (%.2f, %.2f)\n", what, m, n, k,
                flops * 1e-9, 100 * flops / peak,
                static_cast<double>(n * k) * static_cast<double>(size_of(dtype)) / time * 1e-9,
                quantile(ratios, 0.5), quantile(ratios, 0.1), quantile(ratios, 0.9));
    std::fflush(stdout);
  }

  void forward(int64_t m, int64_t n, int64_t k, bool from_memory) {
    const Matrix x(m, k, dtype), w(n, k, dtype), y(m, n, dtype);
    const auto bytes = static_cast<int64_t>(size_of(dtype)) * n * k;
    const int copies = from_memory ? static_cast<int>(std::max<int64_t>(1, 64'000'000 / bytes)) : 1;
    std::vector<std::unique_ptr<PackedWeight>> weights;
    for (int i = 0; i < copies; ++i) weights.push_back(packed(w));
    Rival rival(x, Tag::ab, w, Tag::ba, y, k, copies, true);
    for (const int slices : {1, 3}) {
      if (slices > 1 && (m < 64 || k % (2 * slices) != 0)) continue;
      report(
          slices == 1 ? "forward" : "3 slices", m, n, k, copies,
          [&] {
            for (const auto& weight : weights)
              matmul(x.tensor(), *weight, y.tensor(), slices, pool);
          },
          [&] {
            for (int i = 0; i < copies; ++i) rival.run(i);
          });
    }
  }

  void backward(int64_t m, int64_t n, int64_t k) {
    const Matrix x(m, k, dtype), w(n, k, dtype), dy(m, n, dtype), dx(m, k, dtype),
        dw(n, k, DType::f32);
    const auto weight = packed(w);
    const PackedWeight* part = weight.get();
    const Tensor dy_tensor = dy.tensor();
    Rival input(dy, Tag::ab, w, Tag::ab, dx, n, 1, true);
    report(
        "dx", m, n, k, 1,
        [&] {
          matmul_input_gradient({&dy_tensor, 1}, {&part, 1}, dx.tensor(), 1, pool);
        },
        [&] { input.run(0); });
    Rival weights(dy, Tag::ba, x, Tag::ab, dw, m, 1, false);
    report(
        "dw", m, n, k, 1,
        [&] { matmul_weight_gradient(dy_tensor, x.tensor(), dw.tensor().as<float>(), pool); },
        [&] { weights.run(0); });
  }

  std::unique_ptr<PackedWeight> packed(const Matrix& w) {
    auto weight = std::make_unique<PackedWeight>(w.shape[0], w.shape[1], dtype);
    dtype == DType::f32 ? weight->pack(w.tensor().as<float>(), pool)
                        : weight->pack(w.tensor().as<Bf16>(), pool);
    return weight;
  }

  void run(const std::string& what) {
    int64_t m = 0, n = 0, k = 0;
    if (std::sscanf(what.c_str(), "%ldx%ldx%ld", &m, &n, &k) == 3) {
      forward(m, n, k, m <= 16);
      backward(m, n, k);
    }
    constexpr std::pair<int64_t, int64_t> kModel[] = {
        {576, 576}, {960, 576}, {3072, 576}, {576, 1536}};
    constexpr std::pair<int64_t, int64_t> kQuickstart[] = {
        {128, 128}, {256, 128}, {640, 128}, {128, 320}};
    if (what == "all" || what == "forward") {
      for (const auto& [n, k] : kModel)
        for (const int64_t m : {1, 4, 16, 64, 256, 1024}) forward(m, n, k, m <= 16);
    }
    if (what == "all" || what == "backward") {
      for (const auto& [n, k] : kModel)
        for (const int64_t m : {64, 1024}) backward(m, n, k);
    }
    if (what == "all" || what == "small") {
      for (const auto& [n, k] : kQuickstart)
        for (const int64_t m : {1, 8, 128, 1500}) forward(m, n, k, false);
      for (const auto& [n, k] : kQuickstart)
        for (const int64_t m : {128, 1500}) backward(m, n, k);
    }
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
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int pairs = argc > 2 ? std::atoi(argv[2]) : 25;
  const std::string what = argc > 3 ? argv[3] : "all";
  const std::string dtype = argc > 4 ? argv[4] : "f32";
  omp_set_num_threads(threads);
  if (threads > 1) troupe::clock_of_runs = CLOCK_MONOTONIC;
  troupe::Bench(troupe::dtype_from_name(dtype), threads, pairs).run(what);
}
