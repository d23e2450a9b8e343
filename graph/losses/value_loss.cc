#include "graph/losses/value_loss.h"

#include <algorithm>

#include "base/error.h"

namespace troupe {

ValueLossSums& ValueLossSums::operator+=(const ValueLossSums& other) {
  loss += other.loss, values += other.values, clipped += other.clipped, tokens += other.tokens;
  return *this;
}

template <class T>
ValueLossSums value_loss(const ValueLossConfig& config, const ValueLossInputs<T>& inputs, T scale,
                         std::span<T> d_values) {
  const size_t tokens = inputs.values.size();
  CHECK(inputs.old_values.size() == tokens, inputs.old_values.size(), tokens);
  CHECK(inputs.returns.size() == tokens, inputs.returns.size(), tokens);
  CHECK(inputs.weight.size() == tokens && d_values.size() == tokens, inputs.weight.size(), tokens);
  CHECK(config.cliprange_value >= 0, config.cliprange_value);
  std::fill(d_values.begin(), d_values.end(), T{0});
  ValueLossSums sums;
  for (size_t t = 0; t < tokens; ++t) {
    if (inputs.weight[t] == 0) continue;
    const T scaled_weight = inputs.weight[t] * scale;
    const double value = inputs.values[t], old_value = inputs.old_values[t];
    const double range = config.cliprange_value;
    const double bounded =
        range > 0 ? std::clamp(value, old_value - range, old_value + range) : value;
    const double error = value - inputs.returns[t], bounded_error = bounded - inputs.returns[t];
    const bool clipped = bounded_error * bounded_error > error * error;
    const double largest = clipped ? bounded_error : error;
    d_values[t] = clipped ? T{0} : scaled_weight * static_cast<T>(error);
    sums += {scaled_weight * (largest * largest / 2), value, clipped, 1};
  }
  return sums;
}

template ValueLossSums value_loss(const ValueLossConfig&, const ValueLossInputs<float>&, float,
                                  std::span<float>);
template ValueLossSums value_loss(const ValueLossConfig&, const ValueLossInputs<double>&, double,
                                  std::span<double>);

}  // namespace troupe
