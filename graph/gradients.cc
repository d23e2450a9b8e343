#include "graph/gradients.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {

Buffer Gradients::make_buffer(const Part& part) {
  Buffer buffer(static_cast<size_t>(part.size) * sizeof(float), MemoryClass::gradients);
  if (part.is_table) buffer.fill_zero();
  return buffer;
}

// body(i) for each of a part's elements that may be other than zero, on all threads.
template <class Body>
void Gradients::for_elements(const Part& part, const Body& body) {
  constexpr int64_t kBlock = 4096;
  const bool all = !part.is_table || part.touched.all();
  const auto rows = part.touched.rows();
  const int64_t step = all ? kBlock : part.columns;
  const int64_t count = all ? (part.size + kBlock - 1) / kBlock : std::ssize(rows);
  pool_.parallel(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = (all ? block : rows[block]) * step;
      for (int64_t i = first; i < std::min(part.size, first + step); ++i) body(i);
    }
  });
}

Gradients::Gradients(const Graph& graph, ThreadPool& pool) : pool_(pool) {
  for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient)) {
    const Value& value = graph.value(id);
    auto& part = parts_[id];
    part.weight_name = value.name;
    part.size = num_elements(value.shape);
    part.columns = value.shape.back();
    part.is_head = value.layout == WeightLayout::matmul;
    part.is_table = value.layout == WeightLayout::table;
    if (part.is_table) part.touched = TouchedRows(value.shape.front());
    part.current = make_buffer(part);
  }
}

float* Gradients::buffer(ValueId weight_gradient) {
  return parts_.at(weight_gradient).current.as<float>();
}

bool Gradients::begin_adding(ValueId weight_gradient, int group, bool can_start,
                             std::optional<std::span<const int32_t>> rows) {
  Part& part = parts_.at(weight_gradient);
  CHECK(group >= part.group && group >= part.next_group, part.weight_name, group, part.group);
  if (part.group >= 0 && group != part.group) end_group(part);
  part.group = group;
  if (part.is_table) rows ? part.touched.add(*rows) : part.touched.add_all();
  if (!can_start) settle(part);
  return std::exchange(part.holds_nothing, false);
}

// To what nothing was added is zero.
void Gradients::settle(Part& part) {
  if (!std::exchange(part.holds_nothing, false)) return;
  set_zero(part, part.current);
}

void Gradients::set_zero(const Part& part, const Buffer& buffer) {
  auto* values = buffer.as<float>();
  for_elements(part, [values](int64_t i) { values[i] = 0; });
}

void Gradients::add_onto(Buffer& to, const Buffer& from, const Part& part) {
  auto* sum = to.as<float>();
  const auto* addend = from.as<float>();
  for_elements(part, [=](int64_t i) { sum[i] += addend[i]; });
}

// Like adding one to a binary counter: the group's sum joins each finished subtree of its size.
// An absent group has no sum, but the subtrees that it completes move up as well.
void Gradients::skip_absent(Part& part, int group) {
  for (int absent = part.next_group; absent < group; ++absent) {
    size_t level = 0;
    Buffer sum;
    for (; absent >> level & 1; ++level) {
      if (level >= part.trees.size() || !part.has_tree[level]) continue;
      if (sum.data()) add_onto(part.trees[level], sum, part);
      std::swap(part.trees[level], sum);
      part.has_tree[level] = false;
    }
    if (sum.data()) place(part, level, sum);
  }
}

void Gradients::place(Part& part, size_t level, Buffer& sum) {
  while (part.trees.size() <= level) {
    part.trees.emplace_back();
    part.has_tree.push_back(false);
  }
  std::swap(part.trees[level], sum);
  part.has_tree[level] = true;
}

// The memory of a tree that has been joined to another, if there is one.
Buffer Gradients::take_idle(Part& part) {
  for (size_t level = 0; level < part.trees.size(); ++level)
    if (!part.has_tree[level] && part.trees[level].data()) return std::move(part.trees[level]);
  return {};
}

// What `current` holds moves into the trees.
void Gradients::count(Part& part, int group) {
  settle(part);
  auto* current = part.current.as<float>();
  size_t level = 0;
  Buffer sum;
  for (; group >> level & 1; ++level) {
    if (level >= part.trees.size() || !part.has_tree[level]) continue;
    add_onto(part.trees[level], sum.data() ? sum : part.current, part);
    std::swap(part.trees[level], sum);
    part.has_tree[level] = false;
  }
  if (!sum.data()) {
    sum = take_idle(part);
    if (!sum.data()) sum = make_buffer(part);
    for_elements(part, [current, to = sum.as<float>()](int64_t i) { to[i] = current[i]; });
  }
  part.holds_nothing = true;
  place(part, level, sum);
}

void Gradients::end_group(Part& part) {
  skip_absent(part, part.group);
  count(part, part.group);
  part.next_group = part.group + 1;
}

// The last group's sum, and the subtrees that are left over, are folded smallest first; the later
// groups are in the smaller ones.
void Gradients::finish(Part& part) {
  settle(part);
  for (size_t level = 0; level < part.trees.size(); ++level) {
    if (!part.has_tree[level]) continue;
    add_onto(part.trees[level], part.current, part);
    std::swap(part.trees[level], part.current);
    part.has_tree[level] = false;
  }
}

void Gradients::finish(const Reduce& reduce) {
  for (auto& [id, part] : parts_) {
    skip_absent(part, part.group);
    finish(part);
    part.group = -1;
    part.next_group = 0;
    if (!reduce) continue;
    part.touched.add_all();
    reduce(part.weight_name, {part.current.as<float>(), static_cast<size_t>(part.size)});
  }
  for (auto& [id, part] : parts_) {
    Part& sum = primary(part.weight_name);
    if (&sum != &part) add_onto(sum.current, part.current, part);
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

std::span<const float> Gradients::sum(const std::string& weight_name) {
  Part& part = primary(weight_name);
  settle(part);
  return {part.current.as<float>(), static_cast<size_t>(part.size)};
}

void Gradients::add(const std::string& weight_name, std::span<const float> other_part) {
  Part& part = primary(weight_name);
  CHECK(part.size == std::ssize(other_part), weight_name, part.size, other_part.size());
  settle(part);
  part.touched.add_all();
  for_elements(
      part, [own = part.current.as<float>(), other_part](int64_t i) { own[i] += other_part[i]; });
}

std::vector<std::string> Gradients::weight_names() const {
  std::vector<std::string> names;
  for (const auto& [id, part] : parts_) names.push_back(part.weight_name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void Gradients::clear() {
  for (auto& [id, part] : parts_) {
    part.group = -1;
    part.next_group = 0;
    part.holds_nothing = true;
    part.has_tree.assign(part.has_tree.size(), false);
    if (!part.is_table) continue;
    set_zero(part, part.current);
    for (const Buffer& tree : part.trees)
      if (tree.data()) set_zero(part, tree);
    part.touched.clear();
  }
}

}  // namespace troupe
