#include <cstring>

#include "devices/communicator.h"
#include "kernels/collective/collective.h"
#include "kernels/loops.h"

namespace troupe {
namespace {

Communicator& group_of(const KernelArgs& args) {
  auto* group = args.context.tensor_group;
  const int num_shards = args.attributes.num_shards;
  CHECK(group != nullptr && group->size() == num_shards, num_shards);
  return *group;
}

// Where each shard's tokens begin, in elements of `row` each.
std::vector<int64_t> token_borders(int64_t tokens, int64_t row, int num_shards) {
  std::vector<int64_t> borders;
  for (int shard = 0; shard <= num_shards; ++shard)
    borders.push_back(shard_border(tokens, shard, num_shards) * row);
  return borders;
}

std::span<float> floats(const Tensor& tensor) {
  CHECK(tensor.dtype == DType::f32, name_of(tensor.dtype));
  return {tensor.as<float>(), static_cast<size_t>(num_elements(tensor.shape))};
}

// f32 sums become the result, rounded once.
void round_to(const KernelArgs& args, std::span<const float> sums, const Tensor& result) {
  for_float_type(result.dtype, [&](auto zero_of_type) {
    auto* to = result.as<decltype(zero_of_type)>();
    const auto blocks = (std::ssize(sums) + kLanes - 1) / kLanes;
    parallel_for(args.context, blocks, kLanes, [&](int64_t begin, int64_t end) {
      for_vectors(begin * kLanes, std::min(end * kLanes, std::ssize(sums)),
                  [&](int64_t i, auto lanes) { store(to + i, load(&sums[i], lanes), lanes); });
    });
  });
}

int64_t row_bytes(const Tensor& tensor) {
  return tensor.columns() * static_cast<int64_t>(size_of(tensor.dtype));
}

struct Rows {
  std::byte* data;
  int64_t stride;  // bytes
  int64_t count;
};

void copy_rows(const Rows& from, const Rows& to, int64_t bytes) {
  for (int64_t row = 0; row < from.count; ++row)
    std::memcpy(to.data + row * to.stride, from.data + row * from.stride, bytes);
}

// Each shard's rows of a tensor that has all tokens.
auto tokens_of(const Tensor& tensor, std::vector<int64_t> borders) {
  return [&tensor, borders = std::move(borders)](int shard) {
    const int64_t bytes = row_bytes(tensor);
    return Rows{tensor.as<std::byte>() + borders[shard] * bytes, bytes,
                borders[shard + 1] - borders[shard]};
  };
}

// Rows `from(s)`, of `bytes` each, go to shard s; those of shard s come to `to(s)`. On the way all
// shards' parts have as many rows, those of the longest.
template <class From, class To>
void exchange(Communicator& group, int64_t bytes, const From& from, const To& to) {
  int64_t most = 1;
  for (int shard = 0; shard < group.size(); ++shard)
    most = std::max({most, from(shard).count, to(shard).count});
  std::vector<std::byte> to_all(most * bytes * group.size()), from_all(to_all.size());
  const auto part = [&](std::vector<std::byte>& all, int shard, int64_t count) {
    return Rows{all.data() + shard * most * bytes, bytes, count};
  };
  for (int shard = 0; shard < group.size(); ++shard)
    copy_rows(from(shard), part(to_all, shard, 0), bytes);
  group.all_to_all(to_all, from_all);
  for (int shard = 0; shard < group.size(); ++shard)
    copy_rows(part(from_all, shard, to(shard).count), to(shard), bytes);
}

}  // namespace

void all_reduce_cpu(const KernelArgs& args) {
  Communicator& group = group_of(args);
  if (args.inputs.size() == 1) {
    group.all_reduce(floats(args.inputs[0]));
    return round_to(args, floats(args.inputs[0]), args.outputs[0]);
  }
  std::vector<float> all;
  for (const Tensor& input : args.inputs)
    all.insert(all.end(), floats(input).begin(), floats(input).end());
  group.all_reduce(all);
  size_t at = 0;
  for (const Tensor& output : args.outputs) {
    const auto size = static_cast<size_t>(num_elements(output.shape));
    round_to(args, std::span(all).subspan(at, size), output);
    at += size;
  }
}

void reduce_scatter_cpu(const KernelArgs& args) {
  Communicator& group = group_of(args);
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const auto borders = token_borders(x.rows(), x.columns(), group.size());
  const auto own =
      floats(x).subspan(borders[group.rank()], borders[group.rank() + 1] - borders[group.rank()]);
  CHECK(std::ssize(own) == num_elements(y.shape), own.size(), to_string(y.shape));
  group.reduce_scatter(floats(x), borders, own);
  round_to(args, own, y);
}

void all_gather_cpu(const KernelArgs& args) {
  Communicator& group = group_of(args);
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  group.all_gather({x.as<std::byte>(), static_cast<size_t>(x.rows() * row_bytes(x))},
                   token_borders(y.rows(), row_bytes(y), group.size()),
                   {y.as<std::byte>(), static_cast<size_t>(y.rows() * row_bytes(y))});
}

void take_shard_cpu(const KernelArgs& args) {
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const int64_t first = shard_border(x.rows(), args.attributes.shard, args.attributes.num_shards);
  std::memcpy(y.data, x.as<char>() + first * row_bytes(x), y.rows() * row_bytes(y));
}

void take_columns_cpu(const KernelArgs& args) {
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  copy_rows({x.as<std::byte>() + args.attributes.shard * row_bytes(y), row_bytes(x), x.rows()},
            {y.as<std::byte>(), row_bytes(y), y.rows()}, row_bytes(y));
}

void gather_columns_cpu(const KernelArgs& args) {
  Communicator& group = group_of(args);
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const int64_t part = x.rows() * row_bytes(x);
  std::vector<int64_t> borders;
  for (int shard = 0; shard <= group.size(); ++shard) borders.push_back(shard * part);
  std::vector<std::byte> all(borders.back());
  group.all_gather({x.as<std::byte>(), static_cast<size_t>(part)}, borders, all);
  for (int shard = 0; shard < group.size(); ++shard)
    copy_rows({all.data() + shard * part, row_bytes(x), x.rows()},
              {y.as<std::byte>() + shard * row_bytes(x), row_bytes(y), y.rows()}, row_bytes(x));
}

// Shard s gets its columns of these tokens, and gives those of its own.
void tokens_to_columns_cpu(const KernelArgs& args) {
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const int64_t row = row_bytes(y);
  const auto columns = [&](int shard) {
    return Rows{x.as<std::byte>() + shard * row, row_bytes(x), x.rows()};
  };
  exchange(group_of(args), row, columns,
           tokens_of(y, token_borders(y.rows(), 1, args.attributes.num_shards)));
}

void columns_to_tokens_cpu(const KernelArgs& args) {
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const int64_t row = row_bytes(x);
  const auto columns = [&](int shard) {
    return Rows{y.as<std::byte>() + shard * row, row_bytes(y), y.rows()};
  };
  exchange(group_of(args), row,
           tokens_of(x, token_borders(x.rows(), 1, args.attributes.num_shards)), columns);
}

void select_rows_cpu(const KernelArgs& args) {
  Communicator& group = group_of(args);
  const Tensor &x = args.inputs[0], &y = args.outputs[0];
  const auto& ids = args.context.pack->token_ids;
  const int64_t rows_each = args.inputs[1].rows(), bytes = row_bytes(x);
  std::vector<int64_t> borders(group.size() + 1, 0);
  for (int32_t id : ids) borders[id / rows_each + 1] += bytes;
  for (int rank = 0; rank < group.size(); ++rank) borders[rank + 1] += borders[rank];
  std::vector<std::byte> own, all(borders.back());
  for (int64_t t = 0; t < x.rows(); ++t)
    if (ids[t] / rows_each == group.rank())
      own.insert(own.end(), x.as<std::byte>() + t * bytes, x.as<std::byte>() + (t + 1) * bytes);
  group.all_gather(own, borders, all);
  for (int64_t t = 0; t < y.rows(); ++t) {
    int64_t& next = borders[ids[t] / rows_each];
    std::memcpy(y.as<char>() + t * bytes, all.data() + next, bytes);
    next += bytes;
  }
}

void accumulate_cpu(const KernelArgs& args) {
  const Tensor &x = args.inputs[0], &sum = args.outputs[0];
  for_vectors(0, num_elements(x.shape), [&](int64_t i, auto lanes) {
    store(sum.as<float>() + i,
          add(load(sum.as<float>() + i, lanes), load(x.as<float>() + i, lanes)), lanes);
  });
}

}  // namespace troupe
