#include "kernels/quantize/block_codes.h"

#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

uint8_t byte_at(const std::byte* from, int64_t index) {
  return static_cast<uint8_t>(from[index]);
}

uint16_t half_at(const std::byte* from) {
  uint16_t half;
  std::memcpy(&half, from, sizeof half);
  return half;
}

// Low nibbles are codes 0-15, high ones 16-31.
void read_nibbles(const std::byte* from, BlockCodes& block) {
  for (int i = 0; i < 16; ++i) {
    block.codes[i] = byte_at(from, i) & 15;
    block.codes[i + 16] = byte_at(from, i) >> 4;
  }
}

BlockCodes q8_0(const std::byte* from) {
  BlockCodes block = {.scale = half_at(from)};
  for (int i = 0; i < kCodesPerBlock; ++i) block.codes[i] = byte_at(from, 2 + i) ^ 0x80;
  return block;
}

BlockCodes q4_0(const std::byte* from) {
  BlockCodes block = {.scale = half_at(from)};
  read_nibbles(from + 2, block);
  return block;
}

BlockCodes q4_1(const std::byte* from) {
  BlockCodes block = {.scale = half_at(from), .minimum = half_at(from + 2)};
  read_nibbles(from + 4, block);
  return block;
}

// f16 d and e; twelve bytes of eight pairs of six-bit (s, t); then for each pair of blocks 32
// bytes, low nibbles the first block's and high ones the second's.
BlockCodes q4_k(const std::byte* from, int part) {
  BlockCodes block = {.scale = half_at(from), .minimum = half_at(from + 2)};
  const std::byte* pairs = from + 4;
  if (part < 4) {
    block.sub_scale = {static_cast<uint8_t>(byte_at(pairs, part) & 63),
                       static_cast<uint8_t>(byte_at(pairs, part + 4) & 63)};
  } else {
    const int low = byte_at(pairs, part + 4);
    block.sub_scale = {static_cast<uint8_t>((low & 15) | byte_at(pairs, part - 4) >> 6 << 4),
                       static_cast<uint8_t>(low >> 4 | byte_at(pairs, part) >> 6 << 4)};
  }
  const std::byte* nibbles = from + 16 + part / 2 * 32;
  for (int i = 0; i < kCodesPerBlock; ++i)
    block.codes[i] = part % 2 == 0 ? byte_at(nibbles, i) & 15 : byte_at(nibbles, i) >> 4;
  return block;
}

// 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales, f16 d. Half a block is four
// blocks of 32: nibbles low, low, high, high of 32 bytes in turn; bit pairs of one byte, low first.
BlockCodes q6_k(const std::byte* from, int part) {
  const int half = part / 4, quarter = part % 4;
  const std::byte* low = from + half * 64 + quarter % 2 * 32;
  const std::byte* high = from + 128 + half * 32;
  const std::byte* scales = from + 192 + half * 8 + quarter * 2;
  BlockCodes block = {.scale = half_at(from + 208)};
  block.sub_scale = {byte_at(scales, 0), byte_at(scales, 1)};
  for (int i = 0; i < kCodesPerBlock; ++i) {
    const int nibble = quarter < 2 ? byte_at(low, i) & 15 : byte_at(low, i) >> 4;
    block.codes[i] = static_cast<uint8_t>(nibble | (byte_at(high, i) >> (2 * quarter) & 3) << 4);
  }
  return block;
}

}  // namespace

bool is_quantized(BlockType type) {
  return format_of(type).elements > 1;
}

BlockCodes block_codes(BlockType type, const std::byte* row, int64_t index) {
  const auto& format = format_of(type);
  const int64_t parts = format.elements / kCodesPerBlock;
  CHECK(parts >= 1, format.name);
  const std::byte* from = row + index / parts * format.bytes;
  const int part = static_cast<int>(index % parts);
  switch (type) {
    case BlockType::q8_0:
      return q8_0(from);
    case BlockType::q4_0:
      return q4_0(from);
    case BlockType::q4_1:
      return q4_1(from);
    case BlockType::q4_k:
      return q4_k(from, part);
    default:
      return q6_k(from, part);
  }
}

}  // namespace troupe
