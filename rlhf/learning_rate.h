// The learning rate of each optimizer step, as a pure function of its number:
//   warm-up   lr (step + 1) / warmup_steps           while step < warmup_steps: no step is wasted
//   on 0 then      constant: lr;  linear: lr (1 - (1 - m) p);  cosine: lr (m + (1 - m)(1 + cos(pi
//   p)) / 2)
// with p = (step - warmup_steps) / (total_steps - warmup_steps), at most 1, and m = min_lr_ratio.
#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

enum class LearningRateDecay { constant, linear, cosine };

struct LearningRateSchedule {
  double lr = 1e-4;
  LearningRateDecay lr_scheduler_type = LearningRateDecay::constant;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;  // not needed if constant
  double min_lr_ratio = 0;  // of lr, at the end; in [0, 1]
};

double learning_rate(const LearningRateSchedule& schedule, int64_t step);  // step counts from 0

LearningRateDecay learning_rate_decay_from_name(
    std::string_view name);  // throws on an unknown name

}  // namespace troupe
