// Sine, log and their kin in double, for tables: ours, because libm chooses a variant by CPU and
// its last bit with it.
#pragma once

#include <cstdint>

namespace troupe {

struct SineCosine {
  double sine, cosine;
};
// Of |x| up to 1e6, absolute error below 1e-12.
SineCosine sine_cosine(double x);
double natural_log(double x);          // of a positive normal number
double exponential(double x);          // |x| up to 700
double power(double base, double x);   // of a positive base
double power(double base, int64_t n);  // by repeated multiplication, n >= 0

}  // namespace troupe
