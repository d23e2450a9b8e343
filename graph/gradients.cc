#include "graph/gradients.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {

namespace {

// body(i) for each of a part's elements, on all threads.
template <class Body>
void for_elements(ThreadPool& pool, int64_t size, const Body& body) {
  constexpr int64_t kBlock = 4096;
  pool.parallel((size + kBlock - 1) / kBlock, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin * kBlock; i < std::min(size, end * kBlock); ++i) body(i);
  });
}

Buffer make_buffer(int64_t size) {
  return Buffer(static_cast<size_t>(size) * sizeof(float), MemoryClass::gradients);
}

}  // namespace

Gradients::Gradients(const Graph& graph, ThreadPool& pool) : pool_(pool) {
  for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient)) {
    const Value& value = graph.value(id);
    auto& part = parts_[id];
    part.weight_name = value.name;
    part.size = num_elements(value.shape);
    part.is_head = value.layout == WeightLayout::matmul;
    part.current = make_buffer(part.size);
  }
}

float* Gradients::buffer(ValueId weight_gradient) {
  return parts_.at(weight_gradient).current.as<float>();
}

bool Gradients::begin_adding(ValueId weight_gradient, bool can_start) {
  Part& part = parts_.at(weight_gradient);
  if (!can_start) settle(part);
  return std::exchange(part.holds_nothing, false);
}

// To what nothing was added is zero.
void Gradients::settle(Part& part) {
  if (!std::exchange(part.holds_nothing, false)) return;
  auto* current = part.current.as<float>();
  for_elements(pool_, part.size, [current](int64_t i) { current[i] = 0; });
}

void Gradients::add_onto(Buffer& to, const Buffer& from, int64_t size) {
  auto* sum = to.as<float>();
  const auto* addend = from.as<float>();
  for_elements(pool_, size, [=](int64_t i) { sum[i] += addend[i]; });
}

// Like adding one to a binary counter: the group's sum joins each finished subtree of its size.
// An absent group has no sum, but the subtrees that it completes move up as well.
void Gradients::skip_absent(Part& part, int group) {
  for (int absent = next_group_; absent < group; ++absent) {
    size_t level = 0;
    Buffer sum;
    for (; absent >> level & 1; ++level) {
      if (level >= part.trees.size() || !part.has_tree[level]) continue;
      if (sum.data()) add_onto(part.trees[level], sum, part.size);
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
    add_onto(part.trees[level], sum.data() ? sum : part.current, part.size);
    std::swap(part.trees[level], sum);
    part.has_tree[level] = false;
  }
  if (!sum.data()) {
    sum = take_idle(part);
    if (!sum.data()) sum = make_buffer(part.size);
    for_elements(pool_, part.size,
                 [current, to = sum.as<float>()](int64_t i) { to[i] = current[i]; });
  }
  part.holds_nothing = true;
  place(part, level, sum);
}

void Gradients::end_group(int group) {
  CHECK(group >= next_group_, group, next_group_);
  for (auto& [id, part] : parts_) {
    skip_absent(part, group);
    count(part, group);
  }
  next_group_ = group + 1;
}

// The last group's sum, and the subtrees that are left over, are folded smallest first; the later
// groups are in the smaller ones.
void Gradients::finish(Part& part) {
  settle(part);
  for (size_t level = 0; level < part.trees.size(); ++level) {
    if (!part.has_tree[level]) continue;
    add_onto(part.trees[level], part.current, part.size);
    std::swap(part.trees[level], part.current);
    part.has_tree[level] = false;
  }
}

void Gradients::finish(int last_group) {
  CHECK(last_group >= next_group_, last_group, next_group_);
  for (auto& [id, part] : parts_) {
    skip_absent(part, last_group);
    finish(part);
  }
  next_group_ = 0;
  for (auto& [id, part] : parts_) {
    Part& sum = primary(part.weight_name);
    if (&sum != &part) add_onto(sum.current, part.current, part.size);
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
  settle(part);
  return {part.current.as<float>(), static_cast<size_t>(part.size)};
}

void Gradients::add(const std::string& weight_name, std::span<const float> other_part) {
  auto own = sum(weight_name);
  CHECK(own.size() == other_part.size(), weight_name, own.size(), other_part.size());
  for_elements(pool_, static_cast<int64_t>(own.size()),
               [=](int64_t i) { own[i] += other_part[i]; });
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
    part.holds_nothing = true;
    part.has_tree.assign(part.has_tree.size(), false);
  }
}

}  // namespace troupe
