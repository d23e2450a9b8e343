#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "base/error.h"
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

float load_half(const std::byte* from) {
  return _cvtsh_ss(load<uint16_t>(from));
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
  }
}

}  // namespace troupe
