#include "graph/program.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "devices/cpu/background_calls.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/packed_weight.h"
#include "kernels/matmul/quantized_weight.h"

namespace troupe {
namespace {

constexpr int64_t kFewTokens = 64;

Shape resolve(Shape shape, int64_t num_tokens, const Graph& graph) {
  const int shard = graph.shard(), num_shards = graph.num_shards();
  for (int64_t& size : shape) {
    if (size == kTokens) size = num_tokens;
    if (size == kTokenShard)
      size = shard_border(num_tokens, shard + 1, num_shards) -
             shard_border(num_tokens, shard, num_shards);
  }
  return shape;
}

}  // namespace

// Up to 8 as it is, then in steps of an eighth of the next power of two.
int64_t planned_tokens(int64_t num_tokens) {
  const auto power = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(num_tokens)));
  const int64_t step = std::max<int64_t>(1, power / 8);
  return (num_tokens + step - 1) / step * step;
}

const MemoryPlan& Program::plan_for(int64_t num_tokens) {
  const int64_t rounded = planned_tokens(num_tokens);
  auto [at, is_new] = plans_.try_emplace(rounded);
  if (is_new) at->second = plan_memory(graph_, lifetime_, rounded);
  return at->second;
}

Buffer Program::take_arena(int64_t num_bytes) {
  const auto size = static_cast<size_t>(num_bytes);
  for (auto& arena : arenas_) {
    if (arena.num_bytes() < size) continue;
    std::swap(arena, arenas_.back());
    Buffer taken = std::move(arenas_.back());
    arenas_.pop_back();
    return taken;
  }
  if (!arenas_.empty()) arenas_.pop_back();  // too small for today's packs
  return Buffer(size, MemoryClass::activations);
}

void Program::give_arena(Buffer arena) {
  arenas_.push_back(std::move(arena));
}

Run::Run(Program& program, const Parameters& parameters, Gradients* gradients,
         const KernelContext& context, int64_t num_tokens, int group, BlockWeights* block_weights)
    : program_(program),
      parameters_(parameters),
      gradients_(gradients),
      context_(context),
      group_(group),
      block_weights_(block_weights),
      reads_weights_once_(!gradients && num_tokens <= kFewTokens) {
  CHECK(num_tokens > 0, num_tokens);
  const Graph& graph = program.graph();
  const MemoryPlan& plan = program.plan_for(num_tokens);
  arena_ = program.take_arena(plan.arena_bytes);
  tensors_.reserve(graph.values().size());
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const Value& value = graph.values()[i];
    if (value.kind == ValueKind::weight) {
      tensors_.push_back(parameters.tensor(value));
      continue;
    }
    void* data = plan.offsets[i] < 0 ? nullptr : arena_.as<std::byte>() + plan.offsets[i];
    if (value.kind == ValueKind::weight_gradient && gradients)
      data = gradients->buffer(static_cast<ValueId>(i));
    tensors_.push_back({data, value.dtype, resolve(value.shape, num_tokens, graph)});
  }
}

Run::~Run() {
  if (!on_the_way_.empty()) context_.tensor_calls->wait_for_all();
  program_.give_arena(std::move(arena_));
}

void Run::bind(const std::string& input_name, const void* data) {
  const ValueId id = program_.graph().find_input(input_name);
  CHECK(id != kNoSymbol, input_name);
  tensors_[id].data = const_cast<void*>(data);
}

void Run::forward() {
  execute(0, program_.graph().num_forward_nodes());
}

void Run::forward_to_loss() {
  execute(0, program_.graph().num_forward_nodes() - 1);
}

void Run::backward(const TokenLoss& loss) {
  backward_of_inputs(loss);
  backward_of_weights();
}

void Run::backward_of_inputs(const TokenLoss& loss) {
  context_.token_loss = &loss;
  backward_of_inputs();
  context_.token_loss = nullptr;
}

void Run::backward() {
  backward_of_inputs();
  backward_of_weights();
}

void Run::backward_of_inputs() {
  const Graph& graph = program_.graph();
  execute(graph.num_forward_nodes(), graph.first_weight_gradient_node());
}

// Nothing here reads a weight's values.
void Run::backward_of_weights() {
  execute_nodes(program_.graph().first_weight_gradient_node(), program_.graph().nodes().size());
}

const Tensor& Run::output(const std::string& name) const {
  return tensors_[program_.graph().output(name)];
}

// The rows of a table's part that the pack's tokens name.
std::vector<int32_t> Run::rows_here(const Value& table) const {
  const auto count = static_cast<int32_t>(table.shape.front());
  const int32_t first = program_.graph().shard() * count;
  std::vector<int32_t> rows;
  for (int32_t id : context_.pack->token_ids)
    if (id >= first && id < first + count) rows.push_back(id - first);
  return rows;
}

Tensor Run::output_of(const GraphNode& node, ValueId id) const {
  Tensor tensor = tensors_[id];
  const Value& value = program_.graph().value(id);
  if (!gradients_ || value.kind != ValueKind::weight_gradient) return tensor;
  std::optional<std::span<const int32_t>> rows;
  std::vector<int32_t> part;
  if (value.layout == WeightLayout::table) {
    rows = context_.pack->token_ids;
    if (value.placement.is_shard()) rows = part = rows_here(value);
  }
  tensor.holds_nothing = gradients_->begin_adding(id, group_, node.op->starts_sums, rows);
  return tensor;
}

// The first node from `node` on that multiplies by weights, or else the last.
size_t Run::next_product(size_t node, size_t last_node) const {
  const auto is_weight = [this](ValueId id) {
    return id != kNoSymbol && program_.graph().value(id).layout == WeightLayout::matmul;
  };
  for (; node < last_node; ++node)
    if (std::ranges::any_of(program_.graph().nodes()[node].inputs, is_weight)) break;
  return node;
}

// While threads wait for each other, they fetch what this node will read.
void Run::read_ahead_of(size_t product) const {
  std::vector<std::span<const std::byte>> parts;
  if (product < program_.graph().nodes().size())
    for (ValueId id : program_.graph().nodes()[product].inputs) {
      if (id == kNoSymbol) continue;
      const Tensor& tensor = tensors_[id];
      if (tensor.packed) parts.push_back(tensor.packed->forward().bytes());
      if (tensor.quantized) parts.push_back(tensor.quantized->bytes());
    }
  context_.pool->read_ahead().expect(parts);
}

// The block's weights are where they are now.
void Run::enter(int block) {
  const Graph& graph = program_.graph();
  block_weights_->acquire(graph, block);
  for (const GraphNode& node : graph.nodes())
    for (ValueId id : node.inputs)
      if (node.block == block && id != kNoSymbol && graph.value(id).kind == ValueKind::weight)
        tensors_[id] = parameters_.tensor(graph.value(id));
}

void Run::execute(size_t first_node, size_t last_node) {
  if (!block_weights_) return execute_nodes(first_node, last_node);
  const Graph& graph = program_.graph();
  for (size_t first = first_node; first < last_node;) {
    size_t last = first;
    const int block = graph.nodes()[first].block;
    while (last < last_node && graph.nodes()[last].block == block) ++last;
    enter(block);
    if (last < last_node) block_weights_->expect(graph, graph.nodes()[last].block);
    execute_nodes(first, last);
    block_weights_->release(graph, block);
    first = last;
  }
}

void Run::execute_node(size_t index) {
  const GraphNode& node = program_.graph().nodes()[index];
  std::vector<Tensor> inputs, outputs;
  for (ValueId id : node.inputs) inputs.push_back(id == kNoSymbol ? Tensor{} : tensors_[id]);
  for (ValueId id : node.outputs) outputs.push_back(output_of(node, id));
  const size_t awaited_by = program_.awaited_by(index);
  if (!context_.tensor_calls || awaited_by == index)
    return node.op->cpu({inputs, outputs, node.attributes, context_});
  KernelContext beside = context_;
  beside.pool = &context_.tensor_calls->pool();
  const auto ticket = context_.tensor_calls->begin([&node, inputs, outputs, beside] {
    node.op->cpu({inputs, outputs, node.attributes, beside});
  });
  on_the_way_.push_back({awaited_by, ticket});
}

// All that this node awaits; where it calls the group itself, all that called before it.
void Run::finish_before(size_t index) {
  const auto& nodes = program_.graph().nodes();
  const bool calls = index < nodes.size() && nodes[index].op->group_calls != GroupCalls::none;
  const bool waits_for_all = calls && program_.awaited_by(index) == index;
  size_t num_done = 0;
  for (size_t i = 0; i < on_the_way_.size(); ++i)
    if (waits_for_all || on_the_way_[i].awaited_by <= index) num_done = i + 1;
  if (num_done == 0) return;
  context_.tensor_calls->finish(on_the_way_[num_done - 1].ticket);
  on_the_way_.erase(on_the_way_.begin(), on_the_way_.begin() + static_cast<int64_t>(num_done));
}

void Run::execute_nodes(size_t first_node, size_t last_node) {
  size_t product = first_node;
  for (size_t i = first_node; i < last_node; ++i) {
    if (reads_weights_once_ && i == product) {
      product = next_product(i + 1, last_node);
      read_ahead_of(product);
    }
    finish_before(i);
    execute_node(i);
  }
  finish_before(last_node);
}

}  // namespace troupe
