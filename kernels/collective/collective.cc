#include "kernels/collective/collective.h"

#include "base/error.h"

namespace troupe {
namespace {

std::vector<Shape> with_tokens(std::span<const Shape> inputs, int64_t from, int64_t to) {
  CHECK(inputs.size() == 1 && inputs[0].size() == 2, inputs.size());
  CHECK(inputs[0][0] == from, to_string(inputs[0]), from);
  return {{to, inputs[0][1]}};
}

}  // namespace

std::vector<Shape> to_shard_shapes(const Attributes&, std::span<const Shape> inputs) {
  return with_tokens(inputs, kTokens, kTokenShard);
}

std::vector<Shape> to_whole_shapes(const Attributes&, std::span<const Shape> inputs) {
  return with_tokens(inputs, kTokenShard, kTokens);
}

std::vector<Shape> to_columns_shapes(const Attributes& attributes, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 1 && inputs[0].size() == 2, inputs.size());
  const int64_t columns = inputs[0][1];
  CHECK(columns % attributes.num_shards == 0, to_string(inputs[0]), attributes.num_shards);
  return {{inputs[0][0], columns / attributes.num_shards}};
}

std::vector<Shape> from_columns_shapes(const Attributes& attributes,
                                       std::span<const Shape> inputs) {
  CHECK(inputs.size() == 1 && inputs[0].size() == 2, inputs.size());
  return {{inputs[0][0], inputs[0][1] * attributes.num_shards}};
}

std::vector<Shape> tokens_to_columns_shapes(const Attributes& attributes,
                                            std::span<const Shape> inputs) {
  return to_columns_shapes(attributes, to_whole_shapes(attributes, inputs));
}

std::vector<Shape> columns_to_tokens_shapes(const Attributes& attributes,
                                            std::span<const Shape> inputs) {
  return from_columns_shapes(attributes, to_shard_shapes(attributes, inputs));
}

std::vector<Shape> all_reduce_shapes(const Attributes&, std::span<const Shape> inputs) {
  return {inputs.begin(), inputs.end()};
}

}  // namespace troupe
