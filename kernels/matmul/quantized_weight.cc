#include "kernels/matmul/quantized_weight.h"

#include "base/error.h"
#include "kernels/quantize/block_codes.h"

namespace troupe {
namespace {

int64_t blocks_of_row(int64_t k) {
  return (k + kCodesPerBlock - 1) / kCodesPerBlock;
}

}  // namespace

int64_t quantized_bytes(BlockType type, int64_t n, int64_t k) {
  const int64_t panels = (n + kQuantizedPanelWidth - 1) / kQuantizedPanelWidth;
  return panels * quantized_layout(type).panel_bytes(blocks_of_row(k));
}

QuantizedWeight::QuantizedWeight(BlockType type, int64_t n, int64_t k)
    : type_(type), n_(n), k_(k), num_blocks_(blocks_of_row(k)), layout_(quantized_layout(type)) {
  CHECK(is_quantized(type), format_of(type).name);
  CHECK(n >= 1 && k >= 1, n, k);
  bytes_ = Buffer(static_cast<size_t>(quantized_bytes(type, n, k)), MemoryClass::packed_weights);
}

}  // namespace troupe
