// 2^x as attention weighs keys with it: 0 where the result would be below the smallest normal
// number. A CPU takes a hundred times longer over a result that underflows, and masked keys do.
#pragma once

#include "kernels/math.h"

namespace troupe {

inline Vec softmax_weight(Vec x) {
  const Vec smallest = set1(-126);
  return select(less(x, smallest), zero(), exp2(max(smallest, x)));  // a NaN stays one
}

}  // namespace troupe
