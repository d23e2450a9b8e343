#include "actors/train/schedule.h"

#include <algorithm>

namespace troupe {

std::vector<Instruction> one_forward_one_backward(int64_t stage, int64_t num_stages,
                                                  int64_t num_micro_batches, int64_t num_extra) {
  std::vector<Instruction> program;
  const int64_t num_later_stages = num_stages - stage - 1;
  const int64_t num_ahead = std::min(num_later_stages * (1 + num_extra), num_micro_batches);
  for (int64_t i = 0; i < num_micro_batches + num_ahead; ++i) {
    if (i < num_micro_batches) program.push_back({Work::forward, i});
    if (i >= num_ahead) program.push_back({Work::backward, i - num_ahead});
  }
  return program;
}

std::vector<Instruction> forward_only(int64_t num_micro_batches) {
  std::vector<Instruction> program;
  for (int64_t i = 0; i < num_micro_batches; ++i) program.push_back({Work::forward, i});
  return program;
}

}  // namespace troupe
