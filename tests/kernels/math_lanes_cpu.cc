#include "kernels/math.h"
#include "tests/kernels/math_lanes.h"

namespace troupe {

void exp_lanes(const float* x, float* y) {
  store(y, exp(load(x)));
}
void exp2_lanes(const float* x, float* y) {
  store(y, exp2(load(x)));
}
void log_lanes(const float* x, float* y) {
  store(y, log(load(x)));
}
void tanh_lanes(const float* x, float* y) {
  store(y, tanh(load(x)));
}
void sigmoid_lanes(const float* x, float* y) {
  store(y, sigmoid(load(x)));
}

}  // namespace troupe
