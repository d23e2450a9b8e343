// When a pipeline stage may fire: the next instruction runs when its input is there and a register
// for its output is free (as OneFlow's actors do). Back-pressure is counted, never blocked on: a
// consumer gives each register back. Plain state; the stage actor does the sending.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "actors/train/schedule.h"
#include "actors/transport/tensor_message.h"

namespace troupe {

struct StageNeighbours {
  bool has_previous = false, has_next = false;
};

class StageFlow {
 public:
  // `num_registers` outputs of each direction may be on their way or unused by the neighbour.
  StageFlow(StageNeighbours neighbours, int64_t num_registers);

  // A new batch; the last one must be done. Inputs may have arrived before.
  void start(int64_t batch, std::vector<Instruction> program);
  void arrive(Work work, int64_t batch, int64_t micro_batch, TensorRef tensor);
  void register_is_free(Work work) { ++side(work).free_registers; }

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
  bool waits_for_next() const;  // the next stage brings it, not the previous one

 private:
  // Whether the next instruction's output, if it has one, has somewhere to go.
  bool has_register() const;

  // Activations go down the pipeline, gradients up it: each has its inputs and its registers.
  struct Side {
    std::map<std::pair<int64_t, int64_t>, TensorRef> inputs;  // by batch and micro-batch
    int64_t free_registers = 0;
  };
  Side& side(Work work) { return sides_[static_cast<size_t>(work)]; }
  const Side& side(Work work) const { return sides_[static_cast<size_t>(work)]; }
  bool needs_input(Work work) const {
    return work == Work::forward ? neighbours_.has_previous : neighbours_.has_next;
  }
  bool has_consumer(Work work) const {
    return work == Work::forward ? neighbours_.has_next : neighbours_.has_previous;
  }

  StageNeighbours neighbours_;
  std::array<Side, 2> sides_;
  int64_t batch_ = -1;
  std::vector<Instruction> program_;
  size_t next_ = 0;
};

}  // namespace troupe
