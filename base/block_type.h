// How a weight's numbers are packed in a GGUF file: in blocks of elements, of ggml's types. Storage
// needs the sizes, kernels/quantize the meaning, so the table of both lives here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/dtype.h"
#include "base/shape.h"

namespace troupe {

// The values are ggml's own type numbers.
enum class BlockType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q8_0 = 8,
  q4_k = 12,
  q6_k = 14,
  bf16 = 30
};

struct BlockFormat {
  BlockType type;
  std::string_view name;  // "Q4_1"
  int64_t elements;       // in one block
  int64_t bytes;          // of one block
};

const BlockFormat* find_block_format(uint32_t ggml_type);  // nullptr: not one of ours
const BlockFormat& format_of(BlockType type);
BlockType block_type_of(DType dtype);            // f32, bf16 or f16; throws on others
std::string ggml_type_name(uint32_t ggml_type);  // "Q4_K", also for types that we do not read

// Bytes of a tensor whose last dim is cut into blocks; throws when it does not divide.
int64_t block_bytes(BlockType type, const Shape& shape);

}  // namespace troupe
