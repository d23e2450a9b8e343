// Activations rounded to int8, as the products with quantised weights read them: each 32 elements
// of a row have a scale, their largest magnitude over 127.
#pragma once

#include <cstdint>

#include "kernels/kernel_args.h"

namespace troupe {

struct RowBlock {
  float scale = 0;
  float scaled_sum = 0;        // scale times the sum of the codes
  int32_t minus_sums[2] = {};  // of codes 0..15 and 16..31, negated
};

// Codes [rows][32 num_blocks], row blocks [rows][num_blocks]. Elements beyond a row's end are zero.
struct QuantizedRows {
  const int8_t* codes = nullptr;
  const RowBlock* blocks = nullptr;
  int64_t num_blocks = 0;

  const int8_t* codes_of(int64_t row) const { return codes + row * num_blocks * 32; }
  const RowBlock* blocks_of(int64_t row) const { return blocks + row * num_blocks; }
};

// x is f32 or bf16. A block that holds a NaN or an infinity gets a NaN as its scale; one whose
// largest magnitude is below 2^-100 counts as zero. The memory is the calling thread's, until its
// next call.
QuantizedRows quantized_rows(const Tensor& x, ThreadPool& pool);

}  // namespace troupe
