// exp, log, log(1+x) and cos with the same bits on every machine: libm picks variants by CPU, and a
// run's hash must not depend on that. Plain multiplications and additions in a fixed order, within
// a few units in the last place. For scalars outside hot loops; kernels have their own vectors.
#pragma once

namespace troupe {

double portable_exp(double x);    // 0 below -745, infinity above 709.78
double portable_log(double x);    // -infinity at 0, NaN below
double portable_log1p(double x);  // log(1 + x), exact near 0 too
double portable_cos(double x);    // for |x| <= pi

}  // namespace troupe
