// One part of a model, ready to run: its graph and memory plans. A Run is one micro-batch's way
// through it; several can be in flight, as a pipeline needs.
#pragma once

#include <map>
#include <vector>

#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "graph/parallel/overlap.h"
#include "graph/parameters.h"
#include "kernels/kernel_args.h"

namespace troupe {

// Plans are made for token counts rounded up, so that few of them exist.
int64_t planned_tokens(int64_t num_tokens);

class Program {
 public:
  Program(Graph graph, Lifetime lifetime)
      : graph_(std::move(graph)), lifetime_(lifetime), awaited_by_(troupe::awaited_by(graph_)) {}

  const Graph& graph() const { return graph_; }
  // The node before which this one must be done; itself: at once (graph/parallel/overlap.h).
  size_t awaited_by(size_t node) const { return awaited_by_[node]; }
  const MemoryPlan& plan_for(int64_t num_tokens);
  // An arena of at least this size, used before if possible.
  Buffer take_arena(int64_t num_bytes);
  void give_arena(Buffer arena);

 private:
  Graph graph_;
  Lifetime lifetime_;
  std::vector<size_t> awaited_by_;
  std::map<int64_t, MemoryPlan> plans_;  // by token count
  std::vector<Buffer> arenas_;
};

// Weights that are not always there: a run asks for those of a block before it works on it, and
// says which come next.
class BlockWeights {
 public:
  virtual ~BlockWeights() = default;
  virtual void expect(const Graph& graph, int block) = 0;
  virtual void acquire(const Graph& graph, int block) = 0;
  virtual void release(const Graph& graph, int block) = 0;
};

class Run {
 public:
  // Everything given must outlive the run. `gradients` may be null where backward() isn't called.
  // `group` is the data slice that weight gradients belong to. `block_weights` may be null: all are
  // there.
  Run(Program& program, const Parameters& parameters, Gradients* gradients,
      const KernelContext& context, int64_t num_tokens, int group = 0,
      BlockWeights* block_weights = nullptr);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Sets an input of the graph; `data` must live until the run is over.
  void bind(const std::string& input_name, const void* data);
  void forward();
  void backward();
  // The same in two parts, where the graph's backward pass is cut (parallel/split_backward.h).
  void backward_of_inputs();
  void backward_of_weights();
  // Instead of both, where the last node's op asks for the loss itself: all before it, then its
  // gradient and what follows from that.
  void forward_to_loss();
  void backward(const TokenLoss& loss);
  void backward_of_inputs(const TokenLoss& loss);
  // An output's tensor, with kTokens resolved.
  const Tensor& output(const std::string& name) const;

 private:
  void execute(size_t first_node, size_t last_node);
  void execute_nodes(size_t first_node, size_t last_node);
  void execute_node(size_t node);
  void finish_before(size_t node);
  void enter(int block);
  size_t next_product(size_t node, size_t last_node) const;
  void read_ahead_of(size_t product) const;
  std::vector<int32_t> rows_here(const Value& table) const;
  Tensor output_of(const GraphNode& node, ValueId id) const;

  Program& program_;
  const Parameters& parameters_;
  Gradients* gradients_;
  KernelContext context_;
  int group_;
  BlockWeights* block_weights_;
  bool reads_weights_once_;  // so few tokens that memory is the limit
  Buffer arena_;
  std::vector<Tensor> tensors_;  // by value

  struct OnTheWay {
    size_t awaited_by;
    uint64_t ticket;
  };
  std::vector<OnTheWay> on_the_way_;  // among context_.tensor_calls, in order
};

// The blocks that a run of these nodes asks for, in order, as it does for each stretch of a block.
template <class Body>
void for_blocks(const Graph& graph, size_t first_node, size_t last_node, Body&& body) {
  for (size_t i = first_node; i < last_node; ++i)
    if (i == first_node || graph.nodes()[i].block != graph.nodes()[i - 1].block)
      body(graph.nodes()[i].block);
}

}  // namespace troupe
