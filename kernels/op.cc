#include "kernels/op.h"

#include <map>

#include "base/error.h"

namespace troupe {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto comma = text.find(", ");
    parts.push_back(text.substr(0, comma));
    text.remove_prefix(comma == text.npos ? text.size() : comma + 2);
  }
  return parts;
}

}  // namespace

std::vector<Shape> infer_shapes(const OpDef& op, const Attributes& attributes,
                                std::span<const Shape> inputs) {
  if (op.shapes) return op.shapes(attributes, inputs);
  auto arrow = op.axes.find(" -> ");
  auto expected_dims = split(op.axes.substr(0, arrow));
  CHECK(inputs.size() == expected_dims.size(), op.name, op.axes, inputs.size());
  std::map<char, int64_t> sizes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto dims = expected_dims[i];
    CHECK(inputs[i].size() == dims.size(), op.name, i, dims, to_string(inputs[i]));
    for (size_t dim = 0; dim < dims.size(); ++dim) {
      auto size = inputs[i][dim];
      auto expected = sizes.try_emplace(dims[dim], size).first->second;
      CHECK(size == expected, op.name, op.axes, dims[dim], size, expected);
    }
  }
  std::vector<Shape> outputs;
  for (auto dims : split(op.axes.substr(arrow + 4))) {
    auto& shape = outputs.emplace_back();
    for (char letter : dims) shape.push_back(sizes.at(letter));
  }
  return outputs;
}

}  // namespace troupe
