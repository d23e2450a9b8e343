// What free accumulation would save: oneDNN may cut and add a contraction however it is fastest,
// rounds as it likes, and takes weights that share an input as one weight, while ours keep to the
// slices, the trees and the order of tokens. The rest of a step has no freer rival here: norms,
// SwiGLU and RoPE add along rows, and attention over 256 tokens is one span.
#include "benchmarks/matmul/training_step.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "benchmarks/matmul/onednn_product.h"
#include "benchmarks/timing.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

using Tag = OnednnProduct::Tag;

// Weights that share an input, and how often a step has them.
struct Layer {
  std::vector<int64_t> outs;
  int64_t in, tokens;
  int slices, gradient_slices, count;
  bool is_head = false;
};

struct Matrices {
  std::vector<Matrix> list;

  Matrices(int64_t rows, const std::vector<int64_t>& columns, DType dtype) {
    for (const int64_t size : columns) list.emplace_back(rows, size, dtype);
  }
  std::vector<Tensor> tensors() const {
    std::vector<Tensor> tensors;
    for (const auto& matrix : list) tensors.push_back(matrix.tensor());
    return tensors;
  }
};

struct Weights {
  std::vector<std::unique_ptr<PackedWeight>> list;
  std::vector<const PackedWeight*> pointers;

  Weights(const Layer& layer, DType dtype, ThreadPool& pool) {
    for (const int64_t out : layer.outs) {
      const Matrix w(out, layer.in, dtype);
      list.push_back(std::make_unique<PackedWeight>(out, layer.in, dtype));
      dtype == DType::f32 ? list.back()->pack(w.tensor().as<float>(), pool)
                          : list.back()->pack(w.tensor().as<Bf16>(), pool);
      pointers.push_back(list.back().get());
    }
  }
};

struct Rivals {
  std::function<void()> ours, theirs;

  Rivals operator+(const Rivals& next) const {
    return {[a = ours, b = next.ours] { a(), b(); }, [a = theirs, b = next.theirs] { a(), b(); }};
  }
};

int64_t total(const std::vector<int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
}

template <class Run>
std::function<void()> repeated(int count, Run run) {
  return [count, run] {
    for (int i = 0; i < count; ++i) run();
  };
}

Rivals forward(const Layer& layer, DType dtype, ThreadPool& pool) {
  const auto ys_dtype = layer.is_head ? DType::f32 : dtype;
  auto x = std::make_shared<Matrix>(layer.tokens, layer.in, dtype);
  auto ws = std::make_shared<Weights>(layer, dtype, pool);
  auto ys = std::make_shared<Matrices>(layer.tokens, layer.outs, ys_dtype);
  auto y = std::make_shared<Matrix>(layer.tokens, total(layer.outs), ys_dtype);
  const Matrix w(total(layer.outs), layer.in, dtype);
  auto rival = std::make_shared<OnednnProduct>(*x, Tag::ab, w, Tag::ba, *y, layer.in, 1, true);
  const auto ours = [x, ws, ys, slices = layer.slices, &pool] {
    matmul_group(x->tensor(), ws->pointers, ys->tensors(), slices, pool);
  };
  return {repeated(layer.count, ours), repeated(layer.count, [x, y, rival] { rival->run(0); })};
}

Rivals input_gradient(const Layer& layer, DType dtype, ThreadPool& pool) {
  auto dys = std::make_shared<Matrices>(layer.tokens, layer.outs, dtype);
  auto dy = std::make_shared<Matrix>(layer.tokens, total(layer.outs), dtype);
  auto ws = std::make_shared<Weights>(layer, dtype, pool);
  auto dx = std::make_shared<Matrix>(layer.tokens, layer.in, dtype);
  const Matrix w(total(layer.outs), layer.in, dtype);
  auto rival =
      std::make_shared<OnednnProduct>(*dy, Tag::ab, w, Tag::ab, *dx, total(layer.outs), 1, true);
  const auto ours = [dys, ws, dx, slices = layer.gradient_slices, &pool] {
    matmul_input_gradient(dys->tensors(), ws->pointers, dx->tensor(), slices, pool);
  };
  return {repeated(layer.count, ours), repeated(layer.count, [dy, dx, rival] { rival->run(0); })};
}

Rivals weight_gradient(const Layer& layer, DType dtype, ThreadPool& pool) {
  auto x = std::make_shared<Matrix>(layer.tokens, layer.in, dtype);
  auto dys = std::make_shared<Matrices>(layer.tokens, layer.outs, dtype);
  auto dy = std::make_shared<Matrix>(layer.tokens, total(layer.outs), dtype);
  auto dws = std::make_shared<Matrices>(layer.in, layer.outs, DType::f32);
  auto dw = std::make_shared<Matrix>(total(layer.outs), layer.in, DType::f32);
  auto rival =
      std::make_shared<OnednnProduct>(*dy, Tag::ba, *x, Tag::ab, *dw, layer.tokens, 1, false);
  const auto ours = [x, dys, dws, &pool] {
    for (size_t i = 0; i < dys->list.size(); ++i)
      matmul_weight_gradient(dys->list[i].tensor(), x->tensor(), dws->list[i].tensor().as<float>(),
                             pool, Onto::nothing);
  };
  return {repeated(layer.count, ours),
          repeated(layer.count, [x, dy, dw, rival] { rival->run(0); })};
}

// q, k, v; o; gate and up; down; the head, in chunks of tokens. The slices are those of 3 key/value
// heads, and the head's gradient's those of its vocabulary (kernels/loss/head_gradient_cpu.cc).
std::vector<Layer> layers_of(int64_t tokens) {
  constexpr int64_t kHidden = 576, kKeys = 192, kFfn = 1536, kVocab = 49152;
  constexpr int kLayers = 30, kSlices = 3, kVocabSlices = 128;
  const int64_t chunk = std::min(tokens, head_chunk_rows(kVocab));
  const auto chunks = static_cast<int>((tokens + chunk - 1) / chunk);
  return {{{kHidden, kKeys, kKeys}, kHidden, tokens, 1, kSlices, kLayers},
          {{kHidden}, kHidden, tokens, kSlices, 1, kLayers},
          {{kFfn, kFfn}, kHidden, tokens, 1, kSlices, kLayers},
          {{kHidden}, kFfn, tokens, kSlices, 1, kLayers},
          {{kVocab}, kHidden, chunk, 1, kVocabSlices, chunks, true}};
}

template <class Product>
Rivals sum_of(const std::vector<Layer>& layers, Product product) {
  Rivals all = {[] {}, [] {}};
  for (const auto& layer : layers) all = all + product(layer);
  return all;
}

void report(const char* what, DType dtype, int num_pairs, const Rivals& rivals) {
  const Pairs pairs = time_pairs(num_pairs, rivals.ours, rivals.theirs);
  std::printf("| %s | %s | %.4f | %.3f | %.3f | %.3f |\n", name_of(dtype).data(), what,
              pairs.seconds, pairs.ratio.median, pairs.ratio.low, pairs.ratio.high);
  std::fflush(stdout);
}

}  // namespace

void time_training_step(DType dtype, int num_pairs, int64_t num_tokens, ThreadPool& pool) {
  const auto layers = layers_of(num_tokens);
  const auto of = [&](auto product) {
    return sum_of(layers, [&](const Layer& layer) { return product(layer, dtype, pool); });
  };
  const Rivals y = of(forward), dx = of(input_gradient), dw = of(weight_gradient);
  std::printf(
      "| dtype | products of %ld tokens | s | oneDNN / ours | 10 %% | 90 %% |\n"
      "|---|---|---|---|---|---|\n",
      num_tokens);
  report("forward", dtype, num_pairs, y);
  report("input gradients", dtype, num_pairs, dx);
  report("weight gradients", dtype, num_pairs, dw);
  report("all", dtype, num_pairs, y + dx + dw);
}

}  // namespace troupe
