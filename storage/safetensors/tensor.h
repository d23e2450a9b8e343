// A named tensor in a file: what its header says, and the bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "base/shape.h"

namespace troupe {

struct TensorHeader {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

// `bytes` belong to somebody else: a mapped file, or a buffer of the caller.
struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::span<const std::byte> bytes;
};

std::string_view safetensors_name_of(DType dtype);  // "BF16"

}  // namespace troupe
