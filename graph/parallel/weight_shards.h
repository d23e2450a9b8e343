// A stage's weights as parts of the model's: over the tensor axis by the plan, over the data axis
// (ZeRO) by rows. Everything that crosses between a part and the whole goes through here.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "devices/communicator.h"
#include "graph/parallel/weight_plan.h"
#include "graph/parameters.h"

namespace troupe {

class BackgroundCalls;  // devices/cpu/background_calls.h

// What data ranks share of what they would otherwise each have: nothing; the optimizer's moments;
// also the gradients, once summed; also the weights.
enum class Zero { none, optimizer, gradients, weights };

// A stage's place beside others of its kind. Groups may be null where their degree is 1.
struct ParallelPlace {
  int tensor_degree = 1, shard = 0;
  bool sequence = false;
  Zero zero = Zero::none;
  Communicator* tensor_group = nullptr;
  Communicator* data_group = nullptr;
  // Where the groups' collectives go on beside computing. Null: computing waits for them.
  BackgroundCalls* tensor_calls = nullptr;
  BackgroundCalls* data_calls = nullptr;
  std::vector<PlacementOverride> overrides;

  int data_degree() const { return data_group ? data_group->size() : 1; }
  int data_rank() const { return data_group ? data_group->rank() : 0; }
};

class WeightShards {
 public:
  WeightShards(WeightPlan plan, ParallelPlace place);

  Shape logical_shape(const Parameter& parameter) const;
  // The part that is here, of a whole weight in row-major order.
  void take(const Parameter& parameter, std::span<const float> whole, std::span<float> part) const;
  // The whole weight, of all shards' parts. All shards call it, in the same order of weights.
  std::vector<float> whole(const Parameter& parameter, std::span<const float> part) const;

  // The elements that this data rank updates: whole rows, all of them without ZeRO.
  struct Elements {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
  };
  Elements own_elements(const Parameter& parameter) const;
  // Every data rank's own elements come to all.
  void gather_elements(const Parameter& parameter, std::span<float> values) const;

  // Adds up the data ranks' gradients of one weight, whose groups of packs follow each other in
  // rank order. `present`: this rank had packs. `everywhere`: all elements are wanted here, not
  // only the own ones.
  void reduce_gradient(const Parameter& parameter, std::span<float> gradient, Presence present,
                       bool everywhere) const;

  // Squares of gradients in the one order's cells; sum() adds what other ranks have and returns the
  // weights' sums. All ranks of both groups call it.
  class Squares {
   public:
    void add(const WeightShards& shards, const Parameter& parameter,
             std::span<const float> gradient, ThreadPool& pool);
    std::map<std::string, double> sum(const WeightShards& shards);

   private:
    std::map<std::string, std::vector<double>> cells_;
  };

 private:
  WeightSlices local_slices(const Parameter& parameter) const;
  std::vector<int64_t> element_borders(const Parameter& parameter) const;

  WeightPlan plan_;
  ParallelPlace place_;
};

}  // namespace troupe
