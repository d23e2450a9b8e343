// The most multiply-adds that a thread can do: products in registers, nothing else.
#pragma once

#include "base/dtype.h"

namespace troupe {

// Runs for about a millisecond or a few; returns how many floating-point operations it did. bf16
// uses what the chosen instruction set has for it.
double run_peak_loop(DType dtype);

}  // namespace troupe
