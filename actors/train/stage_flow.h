// When a pipeline rank may fire: the next instruction of its table runs when its input is there and
// a register for its output is free (as OneFlow's actors do). Back-pressure is counted, never
// blocked on: a consumer gives each register back. Plain state; the stage actor does the sending.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/transport/tensor_message.h"
#include "graph/parallel/schedule.h"

namespace troupe {

// Of one of the rank's chunks: whether there is a virtual stage before it, and one behind it.
struct StageNeighbours {
  bool has_previous = false, has_next = false;
};

// Activations go down the pipeline, gradients up it.
enum class Flow : uint8_t { hidden, gradient };

class StageFlow {
 public:
  // By chunk. `num_registers` outputs of each direction may be on their way or unused by the
  // neighbour.
  StageFlow(std::vector<StageNeighbours> chunks, int64_t num_registers);

  // A new batch; the last one must be done. Inputs may have arrived before. Of micro-batches from
  // num_real on nothing comes and goes.
  void start(int64_t batch, RankProgram program,
             int64_t num_real = std::numeric_limits<int64_t>::max());
  void arrive(Flow flow, int chunk, int64_t batch, int64_t micro_batch, TensorRef tensor);
  // Of what this chunk makes.
  void register_is_free(Flow flow, int chunk) { ++side(flow, chunk).free_registers; }

  // The instruction to execute now and its input (empty where it has none), or nothing. Takes the
  // input and a register for the output.
  struct Fire {
    Instruction instruction;
    std::optional<TensorRef> input;
    bool sends_output = false;  // to the neighbour
  };
  std::optional<Fire> fire();
  bool is_done() const { return next_ == program_.size(); }
  // What the next instruction waits for, for a person: "hidden of micro-batch 3".
  std::string waiting_for() const;
  bool waits_for_next() const;  // the next virtual stage brings it, not the previous one
  int waiting_chunk() const { return is_done() ? 0 : program_[next_].chunk; }

  static Flow flow_of(Work work) { return work == Work::forward ? Flow::hidden : Flow::gradient; }

 private:
  // Whether the next instruction's output, if it has one, has somewhere to go.
  bool has_register() const;

  // Each direction of each chunk has its inputs and its registers.
  struct Side {
    std::map<std::pair<int64_t, int64_t>, TensorRef> inputs;  // by batch and micro-batch
    int64_t free_registers = 0;
  };
  size_t at(Flow flow, int chunk) const;
  Side& side(Flow flow, int chunk) { return sides_[at(flow, chunk)]; }
  const Side& side(Flow flow, int chunk) const { return sides_[at(flow, chunk)]; }
  bool needs_input(const Instruction& instruction) const;
  bool has_consumer(const Instruction& instruction) const;

  std::vector<StageNeighbours> chunks_;
  std::vector<Side> sides_;
  int64_t batch_ = -1, num_real_ = 0;
  RankProgram program_;
  size_t next_ = 0;
};

}  // namespace troupe
