#include "graph/memory_plan.h"

#include <algorithm>
#include <map>

#include "graph/parallel/overlap.h"

namespace troupe {
namespace {

constexpr int64_t kAlignment = 64;

// The memory in use, by offset. Finds the lowest gap that is large enough.
class Arena {
 public:
  int64_t allocate(int64_t size) {
    int64_t offset = 0;
    for (const auto& [begin, end] : used_) {
      if (begin - offset >= size) break;
      offset = end;
    }
    used_[offset] = offset + size;
    peak_ = std::max(peak_, offset + size);
    return offset;
  }
  void release(int64_t offset) { used_.erase(offset); }
  int64_t peak() const { return peak_; }

 private:
  std::map<int64_t, int64_t> used_;
  int64_t peak_ = 0;
};

// A collective that others compute beside uses its memory until it is awaited.
void keep_while_on_the_way(const Graph& graph, size_t num_nodes, std::vector<size_t>& last_use) {
  const auto awaited = awaited_by(graph);
  for (size_t i = 0; i < num_nodes; ++i) {
    if (awaited[i] == i) continue;
    for (const auto* values : {&graph.nodes()[i].inputs, &graph.nodes()[i].outputs})
      for (ValueId id : *values) last_use[id] = std::max(last_use[id], awaited[i] - 1);
  }
}

std::vector<size_t> find_last_uses(const Graph& graph, size_t num_nodes) {
  std::vector<size_t> last_use(graph.values().size(), 0);
  for (size_t i = 0; i < num_nodes; ++i) {
    for (ValueId id : graph.nodes()[i].inputs)
      if (id != kNoSymbol) last_use[id] = i;
    for (ValueId id : graph.nodes()[i].outputs) last_use[id] = std::max(last_use[id], i);
  }
  for (const auto& [name, id] : graph.outputs()) last_use[id] = num_nodes;
  keep_while_on_the_way(graph, num_nodes, last_use);
  return last_use;
}

}  // namespace

int64_t num_bytes(const Value& value, int64_t num_tokens, int num_shards) {
  auto bytes = static_cast<int64_t>(size_of(value.dtype));
  for (int64_t size : value.shape) {
    if (size == kTokens) size = num_tokens;
    if (size == kTokenShard) size = (num_tokens + num_shards - 1) / num_shards;
    bytes *= size;
  }
  return bytes;
}

MemoryPlan plan_memory(const Graph& graph, Lifetime lifetime, int64_t num_tokens) {
  const size_t num_nodes =
      lifetime == Lifetime::forward_only ? graph.num_forward_nodes() : graph.nodes().size();
  const auto last_use = find_last_uses(graph, num_nodes);
  std::vector<std::vector<ValueId>> dying(num_nodes + 1);
  MemoryPlan plan;
  plan.offsets.assign(graph.values().size(), -1);
  Arena arena;
  for (size_t i = 0; i < num_nodes; ++i) {
    for (ValueId id : graph.nodes()[i].outputs) {
      if (graph.value(id).kind != ValueKind::activation) continue;
      const int64_t size =
          std::max<int64_t>(1, num_bytes(graph.value(id), num_tokens, graph.num_shards()));
      plan.offsets[id] = arena.allocate((size + kAlignment - 1) / kAlignment * kAlignment);
      dying[last_use[id]].push_back(id);
    }
    for (ValueId id : dying[i]) arena.release(plan.offsets[id]);
  }
  plan.arena_bytes = arena.peak();
  return plan;
}

}  // namespace troupe
