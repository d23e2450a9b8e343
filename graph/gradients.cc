#include "graph/gradients.h"

#include <algorithm>

#include "base/error.h"

namespace troupe {

Gradients::Gradients(const Graph& graph) {
  for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient)) {
    const Value& value = graph.value(id);
    auto& part = parts_[id];
    part.weight_name = value.name;
    part.size = num_elements(value.shape);
    part.is_head = value.layout == WeightLayout::matmul;
    part.current = Buffer(static_cast<size_t>(part.size) * sizeof(float));
    part.current.fill_zero();
  }
}

float* Gradients::buffer(ValueId weight_gradient) {
  return parts_.at(weight_gradient).current.as<float>();
}

void Gradients::add_onto(float* to, const float* from, int64_t size) {
  for (int64_t i = 0; i < size; ++i) to[i] += from[i];
}

void Gradients::end_group(int group) {
  CHECK(group >= next_group_, group, next_group_);
  for (auto& [id, part] : parts_) {
    for (int absent = next_group_; absent < group; ++absent) {
      Buffer nothing;
      count(part, absent, nothing, false);
    }
    if (part.spare.num_bytes() == 0)
      part.spare = Buffer(static_cast<size_t>(part.size) * sizeof(float));
    std::copy_n(part.current.as<float>(), part.size, part.spare.as<float>());
    count(part, group, part.spare, true);
    part.current.fill_zero();
  }
  next_group_ = group + 1;
}

// Like adding one to a binary counter: the group's sum joins each finished subtree of its size. An
// absent group has no sum, but the subtrees that it completes move up as well.
void Gradients::count(Part& part, int group, Buffer& sum, bool has_sum) {
  size_t level = 0;
  for (; group >> level & 1; ++level) {
    if (level >= part.trees.size() || !part.has_tree[level]) continue;
    if (has_sum) add_onto(part.trees[level].as<float>(), sum.as<float>(), part.size);
    std::swap(part.trees[level], sum);
    part.has_tree[level] = false;
    has_sum = true;
  }
  if (!has_sum) return;
  while (part.trees.size() <= level) {
    part.trees.emplace_back();
    part.has_tree.push_back(false);
  }
  std::swap(part.trees[level], sum);
  part.has_tree[level] = true;
}

// Leftover subtrees are folded smallest first; the later groups are in the smaller ones.
void Gradients::finish(Part& part) {
  bool has_sum = false;
  for (size_t level = 0; level < part.trees.size(); ++level) {
    if (!part.has_tree[level]) continue;
    if (has_sum) add_onto(part.trees[level].as<float>(), part.current.as<float>(), part.size);
    std::swap(part.trees[level], part.current);
    part.has_tree[level] = false;
    has_sum = true;
  }
}

void Gradients::finish() {
  next_group_ = 0;
  for (auto& [id, part] : parts_) finish(part);
  for (auto& [id, part] : parts_) {
    Part& sum = primary(part.weight_name);
    if (&sum != &part) add_onto(sum.current.as<float>(), part.current.as<float>(), part.size);
  }
}

// The part that holds a weight's sum: the head's where there is one.
Gradients::Part& Gradients::primary(const std::string& weight_name) {
  Part* found = nullptr;
  for (auto& [id, part] : parts_)
    if (part.weight_name == weight_name && (!found || part.is_head)) found = &part;
  CHECK(found != nullptr, weight_name);
  return *found;
}

std::span<float> Gradients::sum(const std::string& weight_name) {
  Part& part = primary(weight_name);
  return {part.current.as<float>(), static_cast<size_t>(part.size)};
}

void Gradients::add(const std::string& weight_name, std::span<const float> other_part) {
  auto own = sum(weight_name);
  CHECK(own.size() == other_part.size(), weight_name, own.size(), other_part.size());
  add_onto(own.data(), other_part.data(), static_cast<int64_t>(own.size()));
}

std::vector<std::string> Gradients::weight_names() const {
  std::vector<std::string> names;
  for (const auto& [id, part] : parts_) names.push_back(part.weight_name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Gradients::clear() {
  next_group_ = 0;
  for (auto& [id, part] : parts_) {
    part.current.fill_zero();
    part.has_tree.assign(part.has_tree.size(), false);
  }
}

}  // namespace troupe
