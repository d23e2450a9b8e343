// What kernels/math.h makes of sixteen numbers, on the chosen instruction set.
#pragma once

namespace troupe {

inline constexpr int kMathLanes = 16;
using MathLanes = void (*)(const float* x, float* y);

void exp_lanes(const float* x, float* y);
void exp2_lanes(const float* x, float* y);
void log_lanes(const float* x, float* y);
void sigmoid_lanes(const float* x, float* y);
void tanh_lanes(const float* x, float* y);

}  // namespace troupe
