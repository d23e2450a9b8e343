#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "kernels/quantize/block_codes.h"
#include "kernels/quantize/dequantize.h"

namespace troupe {
namespace {

constexpr size_t kBlock = 32;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

float half_to_float(uint16_t half) {
  return _cvtsh_ss(half);
}

float load_half(const std::byte* from) {
  return half_to_float(load<uint16_t>(from));
}

void widen_f32(const std::byte* in, std::span<float> out) {
  std::memcpy(out.data(), in, out.size() * 4);
}

void widen_f16(const std::byte* in, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = load_half(in + 2 * i);
}

void widen_bf16(const std::byte* in, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = to_float(load<Bf16>(in + 2 * i));
}

void widen_q8_0(const std::byte* in, std::span<float> out) {
  for (float *y = out.data(), *end = y + out.size(); y < end; y += kBlock, in += 34) {
    const float scale = load_half(in);
    for (size_t i = 0; i < kBlock; ++i) y[i] = scale * static_cast<float>(load<int8_t>(in + 2 + i));
  }
}

void widen_q4_0(const std::byte* in, std::span<float> out) {
  for (float *y = out.data(), *end = y + out.size(); y < end; y += kBlock, in += 18) {
    const float scale = load_half(in);
    for (size_t i = 0; i < kBlock / 2; ++i) {
      const int pair = load<uint8_t>(in + 2 + i);
      y[i] = static_cast<float>((pair & 15) - 8) * scale;
      y[i + kBlock / 2] = static_cast<float>((pair >> 4) - 8) * scale;
    }
  }
}

void widen_q4_1(const std::byte* in, std::span<float> out) {
  for (float *y = out.data(), *end = y + out.size(); y < end; y += kBlock, in += 20) {
    const float scale = load_half(in);
    const float minimum = load_half(in + 2);
    for (size_t i = 0; i < kBlock / 2; ++i) {
      const int pair = load<uint8_t>(in + 4 + i);
      y[i] = static_cast<float>(pair & 15) * scale + minimum;
      y[i + kBlock / 2] = static_cast<float>(pair >> 4) * scale + minimum;
    }
  }
}

void widen_q4_k(const std::byte* in, std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += kBlock) {
    const BlockCodes block = block_codes(BlockType::q4_k, in, static_cast<int64_t>(i / kBlock));
    const float scale = half_to_float(block.scale) * static_cast<float>(block.sub_scale[0]);
    const float minimum = half_to_float(block.minimum) * static_cast<float>(block.sub_scale[1]);
    for (size_t j = 0; j < kBlock; ++j)
      out[i + j] = scale * static_cast<float>(block.codes[j]) - minimum;
  }
}

void widen_q6_k(const std::byte* in, std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += kBlock) {
    const BlockCodes block = block_codes(BlockType::q6_k, in, static_cast<int64_t>(i / kBlock));
    for (size_t j = 0; j < kBlock; ++j) {
      const auto sub_scale = static_cast<int8_t>(block.sub_scale[j / 16]);
      const float scale = half_to_float(block.scale) * static_cast<float>(sub_scale);
      out[i + j] = scale * static_cast<float>(block.codes[j] - 32);
    }
  }
}

}  // namespace

void dequantize(BlockType type, std::span<const std::byte> blocks, std::span<float> out) {
  const auto expected = block_bytes(type, {static_cast<int64_t>(out.size())});
  CHECK(blocks.size() == static_cast<size_t>(expected), format_of(type).name, blocks.size(),
        expected);
  switch (type) {
    case BlockType::f32:
      return widen_f32(blocks.data(), out);
    case BlockType::f16:
      return widen_f16(blocks.data(), out);
    case BlockType::bf16:
      return widen_bf16(blocks.data(), out);
    case BlockType::q8_0:
      return widen_q8_0(blocks.data(), out);
    case BlockType::q4_0:
      return widen_q4_0(blocks.data(), out);
    case BlockType::q4_1:
      return widen_q4_1(blocks.data(), out);
    case BlockType::q4_k:
      return widen_q4_k(blocks.data(), out);
    case BlockType::q6_k:
      return widen_q6_k(blocks.data(), out);
  }
}

}  // namespace troupe
