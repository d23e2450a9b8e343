#include "kernels/elementwise/add.h"
#include "kernels/loops.h"

namespace troupe {

void add_cpu(const KernelArgs& args) {
  const auto &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  CHECK(a.dtype == b.dtype, name_of(a.dtype), name_of(b.dtype));
  for_float_type(a.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, a.rows(), a.columns(), [&](int64_t begin, int64_t end) {
      for_vectors(begin * a.columns(), end * a.columns(), [&](int64_t i, auto lanes) {
        store(y.as<T>() + i, add(load(a.as<T>() + i, lanes), load(b.as<T>() + i, lanes)), lanes);
      });
    });
  });
}

}  // namespace troupe
