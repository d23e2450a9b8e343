#include "base/dtype.h"

#include <array>
#include <cmath>

#include "base/error.h"

namespace troupe {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  size_t size;
};
constexpr std::array<Row, 7> kRows = {{{DType::f32, "f32", 4},
                                       {DType::bf16, "bf16", 2},
                                       {DType::f16, "f16", 2},
                                       {DType::f64, "f64", 8},
                                       {DType::i32, "i32", 4},
                                       {DType::i64, "i64", 8},
                                       {DType::u8, "u8", 1}}};

}  // namespace

size_t size_of(DType dtype) {
  return kRows[static_cast<size_t>(dtype)].size;
}

std::string_view name_of(DType dtype) {
  return kRows[static_cast<size_t>(dtype)].name;
}

DType dtype_from_name(std::string_view name) {
  for (const auto& row : kRows)
    if (row.name == name) return row.dtype;
  throw Error("unknown dtype \"" + std::string(name) +
              "\": expected f32, bf16, f16, f64, i32, i64 or u8");
}

float half_to_float(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const float sign = half & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  if (exponent < 31) return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return std::bit_cast<float>((static_cast<uint32_t>(half & 0x8000) << 16) | 0x7f800000u |
                              (static_cast<uint32_t>(mantissa) << 13));
}

}  // namespace troupe
