#include <array>
#include <vector>

#include "base/error.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/vec.h"

namespace troupe {
namespace {

uint32_t* part_buffer(int part, int64_t num_words) {
  thread_local std::array<std::vector<uint32_t>, kMaxParts> buffers;
  CHECK(part >= 0 && part < kMaxParts, part);
  auto& buffer = buffers[part];
  if (static_cast<int64_t>(buffer.size()) < num_words) buffer.resize(num_words);
  return buffer.data();
}

template <class Source>
void copy_to_bf16(const Source* from, int64_t count, Bf16* to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Mask mask = first_lanes(count - i);
    store(to + i, load(from + i, mask), mask);
  }
}

}  // namespace

const void* converted(const Tensor& x, DType dtype, int part) {
  if (x.dtype == dtype) return x.data;
  CHECK(x.dtype == DType::f32 && dtype == DType::bf16, name_of(x.dtype), name_of(dtype));
  const int64_t count = num_elements(x.shape);
  auto* copy = reinterpret_cast<Bf16*>(part_buffer(part, (count + 1) / 2));
  copy_to_bf16(x.as<float>(), count, copy);
  return copy;
}

Left left_operand(const Tensor& x, DType dtype, int part) {
  const int64_t columns = x.columns();
  if (fills_words(columns, dtype)) {
    const int64_t row_words = dtype == DType::f32 ? columns : columns / 2;
    return {static_cast<const uint32_t*>(converted(x, dtype, part)), row_words};
  }
  const int64_t num_words = (columns + 1) / 2;
  uint32_t* words = part_buffer(part, x.rows() * num_words);
  for (int64_t row = 0; row < x.rows(); ++row) {
    auto* to = reinterpret_cast<Bf16*>(words + row * num_words);
    x.dtype == DType::f32 ? copy_to_bf16(x.as<float>() + row * columns, columns, to)
                          : copy_to_bf16(x.as<Bf16>() + row * columns, columns, to);
    to[columns] = {};
  }
  return {words, num_words};
}

}  // namespace troupe
