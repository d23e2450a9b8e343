#include "actors/train/stage_flow.h"

#include "base/error.h"

namespace troupe {

StageFlow::StageFlow(std::vector<StageNeighbours> chunks, int64_t num_registers)
    : chunks_(std::move(chunks)), sides_(2 * chunks_.size()) {
  CHECK(num_registers > 0, num_registers);
  for (auto& side : sides_) side.free_registers = num_registers;
}

size_t StageFlow::at(Flow flow, int chunk) const {
  CHECK(chunk >= 0 && chunk < std::ssize(chunks_), chunk, chunks_.size());
  return 2 * static_cast<size_t>(chunk) + (flow == Flow::hidden ? 0 : 1);
}

bool StageFlow::needs_input(const Instruction& instruction) const {
  if (instruction.work == Work::weight_gradient || instruction.micro_batch >= num_real_)
    return false;
  const auto& chunk = chunks_[instruction.chunk];
  return instruction.work == Work::forward ? chunk.has_previous : chunk.has_next;
}

bool StageFlow::has_consumer(const Instruction& instruction) const {
  if (instruction.work == Work::weight_gradient || instruction.micro_batch >= num_real_)
    return false;
  const auto& chunk = chunks_[instruction.chunk];
  return instruction.work == Work::forward ? chunk.has_next : chunk.has_previous;
}

void StageFlow::start(int64_t batch, RankProgram program, int64_t num_real) {
  CHECK(is_done(), batch_, batch);
  CHECK(batch != batch_, batch);
  batch_ = batch;
  num_real_ = num_real;
  program_ = std::move(program);
  next_ = 0;
}

void StageFlow::arrive(Flow flow, int chunk, int64_t batch, int64_t micro_batch, TensorRef tensor) {
  const bool is_new =
      side(flow, chunk).inputs.try_emplace({batch, micro_batch}, std::move(tensor)).second;
  CHECK(is_new, chunk, batch, micro_batch);
}

std::optional<StageFlow::Fire> StageFlow::fire() {
  if (is_done()) return std::nullopt;
  const Instruction& instruction = program_[next_];
  auto& side = this->side(flow_of(instruction.work), instruction.chunk);
  Fire fire = {instruction, std::nullopt, has_consumer(instruction)};
  if (fire.sends_output && side.free_registers == 0) return std::nullopt;
  if (needs_input(instruction)) {
    auto input = side.inputs.extract({batch_, instruction.micro_batch});
    if (!input) return std::nullopt;
    fire.input = std::move(input.mapped());
  }
  if (fire.sends_output) --side.free_registers;
  ++next_;
  return fire;
}

bool StageFlow::has_register() const {
  const Instruction& instruction = program_[next_];
  return !has_consumer(instruction) ||
         side(flow_of(instruction.work), instruction.chunk).free_registers > 0;
}

// Activations come from before, gradients from behind; a register is given back by whom it went to.
bool StageFlow::waits_for_next() const {
  if (is_done()) return false;
  return (flow_of(program_[next_].work) == Flow::gradient) == has_register();
}

std::string StageFlow::waiting_for() const {
  if (is_done()) return "";
  const Instruction& instruction = program_[next_];
  const std::string what = flow_of(instruction.work) == Flow::hidden ? "hidden" : "gradient";
  return (has_register() ? what : "a free register for the " + what) + " of micro-batch " +
         std::to_string(instruction.micro_batch);
}

}  // namespace troupe
