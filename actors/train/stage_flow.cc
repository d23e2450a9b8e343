#include "actors/train/stage_flow.h"

#include "base/error.h"

namespace troupe {

StageFlow::StageFlow(StageNeighbours neighbours, int64_t num_registers) : neighbours_(neighbours) {
  CHECK(num_registers > 0, num_registers);
  for (auto& side : sides_) side.free_registers = num_registers;
}

void StageFlow::start(int64_t batch, std::vector<Instruction> program) {
  CHECK(is_done(), batch_, batch);
  CHECK(batch != batch_, batch);
  batch_ = batch;
  program_ = std::move(program);
  next_ = 0;
}

void StageFlow::arrive(Work work, int64_t batch, int64_t micro_batch, TensorRef tensor) {
  const bool is_new = side(work).inputs.try_emplace({batch, micro_batch}, std::move(tensor)).second;
  CHECK(is_new, batch, micro_batch);
}

std::optional<StageFlow::Fire> StageFlow::fire() {
  if (is_done()) return std::nullopt;
  const Instruction& instruction = program_[next_];
  auto& side = this->side(instruction.work);
  Fire fire = {instruction, std::nullopt, has_consumer(instruction.work)};
  if (fire.sends_output && side.free_registers == 0) return std::nullopt;
  if (needs_input(instruction.work)) {
    auto input = side.inputs.extract({batch_, instruction.micro_batch});
    if (!input) return std::nullopt;
    fire.input = std::move(input.mapped());
  }
  if (fire.sends_output) --side.free_registers;
  ++next_;
  return fire;
}

bool StageFlow::has_register() const {
  const Work work = program_[next_].work;
  return !has_consumer(work) || side(work).free_registers > 0;
}

// Activations come from before, gradients from behind; a register is given back by whom it went to.
bool StageFlow::waits_for_next() const {
  if (is_done()) return false;
  return (program_[next_].work == Work::backward) == has_register();
}

std::string StageFlow::waiting_for() const {
  if (is_done()) return "";
  const Instruction& instruction = program_[next_];
  const char* what = instruction.work == Work::forward ? "hidden" : "gradient";
  return (has_register() ? std::string(what) : "a free register for the " + std::string(what)) +
         " of micro-batch " + std::to_string(instruction.micro_batch);
}

}  // namespace troupe
