// Element types of tensors, their sizes and names, and bfloat16.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe {

enum class DType : uint8_t { f32, bf16, f16, f64, i32, i64, u8 };

// Bfloat16: the upper half of a float.
struct Bf16 {
  uint16_t bits = 0;
};

size_t size_of(DType dtype);              // bytes of one element
std::string_view name_of(DType dtype);    // "f32", "bf16", ...
DType dtype_from_name(std::string_view);  // throws on an unknown name

inline float to_float(Bf16 x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16);
}

// Rounds to nearest even; a NaN stays a (quiet) NaN.
inline Bf16 to_bf16(float x) {
  auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// IEEE half to single, exact.
float half_to_float(uint16_t half);

}  // namespace troupe
