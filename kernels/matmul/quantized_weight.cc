#include "kernels/matmul/quantized_weight.h"

#include "base/error.h"
#include "kernels/quantize/block_codes.h"

namespace troupe {

QuantizedWeight::QuantizedWeight(BlockType type, int64_t n, int64_t k)
    : type_(type),
      n_(n),
      k_(k),
      num_blocks_((k + kCodesPerBlock - 1) / kCodesPerBlock),
      layout_(quantized_layout(type)) {
  CHECK(is_quantized(type), format_of(type).name);
  CHECK(n >= 1 && k >= 1, n, k);
  bytes_ = Buffer(static_cast<size_t>(num_panels() * layout_.panel_bytes(num_blocks_)),
                  MemoryClass::packed_weights);
}

}  // namespace troupe
