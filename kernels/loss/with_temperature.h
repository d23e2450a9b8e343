// Logits over a temperature, which most often is 1: then no division is done, to the same number.
#pragma once

#include "kernels/vec.h"

namespace troupe {

// body(over), where over(x) is x / temperature.
template <class Body>
auto with_temperature(float temperature, Body&& body) {
  if (temperature == 1) return body([](Vec x) { return x; });
  return body([t = set1(temperature)](Vec x) { return div(x, t); });
}

}  // namespace troupe
