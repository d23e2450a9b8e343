#include <cstring>

#include "kernels/embedding/embedding.h"
#include "kernels/loops.h"
#include "kernels/matmul/quantized_weight.h"

namespace troupe {
namespace {

const std::vector<int32_t>& checked_ids(const KernelArgs& args, int64_t tokens, int64_t rows) {
  const auto& ids = args.context.pack->token_ids;
  const int64_t vocab = rows * args.attributes.num_shards;
  CHECK(static_cast<int64_t>(ids.size()) == tokens, ids.size(), tokens);
  for (int32_t id : ids) CHECK(id >= 0 && id < vocab, id, vocab);
  return ids;
}

// The rows of a table that are here: all, or one part of several.
struct RowsHere {
  int64_t first, count;
  RowsHere(const KernelArgs& args, int64_t rows)
      : first(args.attributes.shard * rows), count(rows) {}
  bool hold(int32_t id) const { return id >= first && id < first + count; }
};

template <class T>
void look_up_quantized(const QuantizedWeight& table, std::span<const int32_t> ids, T* y) {
  std::vector<float> row(static_cast<size_t>(table.k()));
  for (int32_t id : ids) {
    table.dequantize_row(id, row.data());
    for_vectors(0, table.k(),
                [&](int64_t i, auto lanes) { store(y + i, load(row.data() + i, lanes), lanes); });
    y += table.k();
  }
}

}  // namespace

void embedding_cpu(const KernelArgs& args) {
  const auto &table = args.inputs[0], &y = args.outputs[0];
  const auto& ids = checked_ids(args, y.rows(), table.rows());
  if (table.quantized)
    return for_float_type(y.dtype, [&](auto zero_of_type) {
      look_up_quantized(*table.quantized, ids, y.as<decltype(zero_of_type)>());
    });
  const RowsHere here(args, table.rows());
  const auto row_bytes = table.columns() * size_of(table.dtype);
  parallel_for(args.context, y.rows(), y.columns(), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      if (here.hold(ids[t]))
        std::memcpy(y.as<char>() + t * row_bytes,
                    table.as<char>() + (ids[t] - here.first) * row_bytes, row_bytes);
  });
}

// Threads share out the columns, so that each element sees the tokens in order.
void embedding_weight_gradient_cpu(const KernelArgs& args) {
  const auto &dy = args.inputs[0], &gradient = args.outputs[0];
  const int64_t hidden = dy.columns(), vectors = (hidden + kLanes - 1) / kLanes;
  const auto& ids = checked_ids(args, dy.rows(), gradient.rows());
  const RowsHere here(args, gradient.rows());
  for_float_type(dy.dtype, [&](auto zero_of_type) {
    const auto* rows = dy.as<decltype(zero_of_type)>();
    parallel_for(args.context, vectors, dy.rows() * kLanes, [&](int64_t first, int64_t last) {
      for (int64_t t = 0; t < dy.rows(); ++t) {
        if (!here.hold(ids[t])) continue;
        float* sum = gradient.as<float>() + (ids[t] - here.first) * hidden;
        for_vectors(first * kLanes, std::min(last * kLanes, hidden), [&](int64_t c, auto lanes) {
          store(sum + c, add(load(sum + c, lanes), load(rows + t * hidden + c, lanes)), lanes);
        });
      }
    });
  });
}

}  // namespace troupe
