#include "rlhf/learning_rate.h"

#include <algorithm>
#include <numbers>
#include <string>

#include "base/error.h"
#include "base/portable_math.h"

namespace troupe {
namespace {

double progress(const LearningRateSchedule& schedule, int64_t step) {
  const int64_t span = schedule.total_steps - schedule.warmup_steps;
  if (span <= 0) return 1;
  return std::min(1.0,
                  static_cast<double>(step - schedule.warmup_steps) / static_cast<double>(span));
}

// 1 at the start of the decay, 0 at its end.
double remaining(LearningRateDecay decay, double p) {
  switch (decay) {
    case LearningRateDecay::constant:
      return 1;
    case LearningRateDecay::linear:
      return 1 - p;
    case LearningRateDecay::cosine:
      return (1 + portable_cos(std::numbers::pi * p)) / 2;
  }
  throw Error("unknown learning rate decay");
}

}  // namespace

double learning_rate(const LearningRateSchedule& schedule, int64_t step) {
  const double floor = schedule.min_lr_ratio;
  CHECK(step >= 0 && schedule.warmup_steps >= 0, step, schedule.warmup_steps);
  CHECK(floor >= 0 && floor <= 1, floor);
  if (step < schedule.warmup_steps) {
    return schedule.lr * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  }
  const double left = remaining(schedule.lr_scheduler_type, progress(schedule, step));
  return schedule.lr * (floor + (1 - floor) * left);
}

LearningRateDecay learning_rate_decay_from_name(std::string_view name) {
  if (name == "constant") return LearningRateDecay::constant;
  if (name == "linear") return LearningRateDecay::linear;
  if (name == "cosine") return LearningRateDecay::cosine;
  throw Error("unknown lr_scheduler_type \"" + std::string(name) +
              "\"; known are constant, linear, cosine");
}

}  // namespace troupe
