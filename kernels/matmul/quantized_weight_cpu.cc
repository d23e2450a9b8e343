#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/quantized_weight.h"
#include "kernels/quantize/block_codes.h"

namespace troupe {
namespace {

constexpr int kFirstHighBits = 256;  // of six-bit codes: behind their nibbles

// The parts of one panel that hold one block of one column.
struct Place {
  QuantizedLayout layout;
  uint8_t *shared, *scales, *codes;
  int column;

  Place(const QuantizedLayout& l, uint8_t* panel, int64_t num_blocks, int64_t block, int c)
      : layout(l),
        shared(panel + l.shared_at(block)),
        scales(panel + l.scales_at(block)),
        codes(panel + l.codes_at(num_blocks) + block * l.code_bytes()),
        column(c) {}

  uint8_t* half(int index) const {
    return (layout.is_super() ? shared : scales) + (index * kQuantizedPanelWidth + column) * 2;
  }
  uint8_t* sub_scale(int index) const { return scales + index * kQuantizedPanelWidth + column; }
  int num_halves() const { return layout.is_super() ? layout.shared_halves : layout.halves; }
};

void put_codes(const Place& place, const BlockCodes& block) {
  for (int element = 0; element < kCodesPerBlock; ++element) {
    const int quad = element / 4, in_quad = place.column * 4 + element % 4;
    const uint8_t code = block.codes[element];
    if (place.layout.code_bits == 8) {
      place.codes[quad * 64 + in_quad] = code;
      continue;
    }
    place.codes[quad % 4 * 64 + in_quad] |= static_cast<uint8_t>((code & 15) << (quad / 4 * 4));
    if (place.layout.code_bits == 6)
      place.codes[kFirstHighBits + quad / 4 * 64 + in_quad] |=
          static_cast<uint8_t>(code >> 4 << (quad % 4 * 2));
  }
}

int code_at(const Place& place, int element) {
  const int quad = element / 4, in_quad = place.column * 4 + element % 4;
  if (place.layout.code_bits == 8) return place.codes[quad * 64 + in_quad];
  const int low = place.codes[quad % 4 * 64 + in_quad] >> (quad / 4 * 4) & 15;
  if (place.layout.code_bits == 4) return low;
  const int high = place.codes[kFirstHighBits + quad / 4 * 64 + in_quad] >> (quad % 4 * 2) & 3;
  return low | high << 4;
}

void put(const Place& place, const BlockCodes& block) {
  put_codes(place, block);
  const uint16_t halves[2] = {block.scale, block.minimum};
  for (int i = 0; i < place.num_halves(); ++i) std::memcpy(place.half(i), &halves[i], 2);
  for (int i = 0; i < place.layout.sub_scales; ++i) *place.sub_scale(i) = block.sub_scale[i];
}

// Fills the panels from block_of(row, block); columns beyond the last are zero.
template <class BlockOf>
void fill(const QuantizedWeight& weight, ThreadPool& pool, BlockOf&& block_of) {
  const auto layout = quantized_layout(weight.type());
  const int64_t blocks = weight.num_blocks();
  pool.parallel(weight.num_panels(), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      auto* panel = const_cast<uint8_t*>(weight.panel(i));
      std::memset(panel, 0, static_cast<size_t>(layout.panel_bytes(blocks)));
      const int64_t first = i * kQuantizedPanelWidth;
      const auto columns =
          static_cast<int>(std::min<int64_t>(kQuantizedPanelWidth, weight.n() - first));
      for (int c = 0; c < columns; ++c)
        for (int64_t block = 0; block < blocks; ++block)
          put(Place(layout, panel, blocks, block, c), block_of(first + c, block));
    }
  });
}

BlockCodes quantized(const float* values, int64_t count) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(values[i]));
  const float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
  CHECK(scale <= 65504 && std::isfinite(inverse), most);
  BlockCodes block = {.scale = static_cast<uint16_t>(_cvtss_sh(scale, 0))};
  block.codes.fill(128);
  for (int64_t i = 0; i < count; ++i)
    block.codes[i] = static_cast<uint8_t>(128 + static_cast<int>(std::round(values[i] * inverse)));
  return block;
}

float half_to_float(const uint8_t* half) {
  uint16_t bits;
  std::memcpy(&bits, half, sizeof bits);
  return _cvtsh_ss(bits);
}

// The same roundings as dequantize()'s.
float number(BlockType type, const Place& place, int element) {
  const float scale = half_to_float(place.half(0));
  const int code = code_at(place, element);
  switch (type) {
    case BlockType::q8_0:
      return scale * static_cast<float>(code - 128);
    case BlockType::q4_0:
      return scale * static_cast<float>(code - 8);
    case BlockType::q4_1:
      return scale * static_cast<float>(code) + half_to_float(place.half(1));
    case BlockType::q4_k:
      return scale * static_cast<float>(*place.sub_scale(0)) * static_cast<float>(code) -
             half_to_float(place.half(1)) * static_cast<float>(*place.sub_scale(1));
    default:
      const auto sub_scale = static_cast<int8_t>(*place.sub_scale(element / 16));
      return scale * static_cast<float>(sub_scale) * static_cast<float>(code - 32);
  }
}

}  // namespace

void QuantizedWeight::pack(std::span<const std::byte> blocks, ThreadPool& pool) {
  const int64_t expected = block_bytes(type_, {n_, k_});
  CHECK(static_cast<int64_t>(blocks.size()) == expected, format_of(type_).name, blocks.size(),
        expected);
  fill(*this, pool, [&, row_bytes = expected / n_](int64_t row, int64_t block) {
    return block_codes(type_, blocks.data() + row * row_bytes, block);
  });
}

void QuantizedWeight::quantize(const float* w, ThreadPool& pool) {
  CHECK(type_ == BlockType::q8_0, format_of(type_).name);
  fill(*this, pool, [&](int64_t row, int64_t block) {
    const int64_t first = block * kCodesPerBlock;
    return quantized(w + row * k_ + first, std::min<int64_t>(kCodesPerBlock, k_ - first));
  });
}

void QuantizedWeight::dequantize_row(int64_t row, float* out) const {
  CHECK(row >= 0 && row < n_, row, n_);
  auto* from = const_cast<uint8_t*>(panel(row / kQuantizedPanelWidth));
  const auto column = static_cast<int>(row % kQuantizedPanelWidth);
  for (int64_t first = 0; first < k_; first += kCodesPerBlock) {
    const Place place(layout_, from, num_blocks_, first / kCodesPerBlock, column);
    const auto count = static_cast<int>(std::min<int64_t>(kCodesPerBlock, k_ - first));
    for (int i = 0; i < count; ++i) out[first + i] = number(type_, place, i);
  }
}

}  // namespace troupe
