// A tensor as the words that products read: in place where its bytes are such words already, else
// converted into memory that the calling thread keeps for the next call.
#pragma once

#include "kernels/kernel_args.h"
#include "kernels/matmul/product.h"

namespace troupe {

// Whether rows of so many columns are whole words.
inline bool fills_words(int64_t columns, DType dtype) {
  return dtype == DType::f32 || columns % 2 == 0;
}

// The rows of `x` as words of `dtype`, an odd number of Bf16 filled up with a zero. Valid until the
// same thread asks for the same `part`.
Left left_operand(const Tensor& x, DType dtype, int part = 0);

// x's elements where they are, or a copy in `dtype`: for f32 that must be Bf16. Valid as above.
const void* converted(const Tensor& x, DType dtype, int part = 0);

}  // namespace troupe
