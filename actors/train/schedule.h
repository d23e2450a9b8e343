// The order in which a pipeline stage works through the micro-batches of a batch.
#pragma once

#include <cstdint>
#include <vector>

namespace troupe {

enum class Work : uint8_t { forward, backward };

struct Instruction {
  Work work = Work::forward;
  int64_t micro_batch = 0;

  bool operator==(const Instruction&) const = default;
};

// 1F1B (PipeDream-Flush): a few forwards to fill the pipeline, then one backward after each
// forward, so that stage s keeps the activations of at most num_stages - s micro-batches. A stage
// then waits two hops per micro-batch; with num_extra = 1 it runs one more forward ahead and hides
// them. Backward runs in micro-batch order on every stage, as the one order of addition demands.
std::vector<Instruction> one_forward_one_backward(int64_t stage, int64_t num_stages,
                                                  int64_t num_micro_batches, int64_t num_extra = 0);

// Scoring: one forward after another.
std::vector<Instruction> forward_only(int64_t num_micro_batches);

}  // namespace troupe
