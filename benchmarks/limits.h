// What this machine can do at most, measured in the run that is compared with it.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace troupe {

class ThreadPool;

// Of one thread, in multiplications and additions a second, by the chosen instruction set.
double peak_flops(DType dtype);
// Bytes a second that all threads together read from a buffer of `num_bytes` in order, again and
// again; the best of a few passes.
double read_bandwidth(int64_t num_bytes, ThreadPool& pool);

}  // namespace troupe
