#include "base/block_type.h"

#include <array>

#include "base/error.h"

namespace troupe {
namespace {

constexpr std::array<BlockFormat, 8> kFormats = {{{BlockType::f32, "F32", 1, 4},
                                                  {BlockType::f16, "F16", 1, 2},
                                                  {BlockType::q4_0, "Q4_0", 32, 18},
                                                  {BlockType::q4_1, "Q4_1", 32, 20},
                                                  {BlockType::q8_0, "Q8_0", 32, 34},
                                                  {BlockType::q4_k, "Q4_K", 256, 144},
                                                  {BlockType::q6_k, "Q6_K", 256, 210},
                                                  {BlockType::bf16, "BF16", 1, 2}}};

// By ggml's numbers; 4 and 5 were withdrawn.
constexpr std::array<std::string_view, 31> kNames = {
    "F32",     "F16",    "Q4_0",    "Q4_1",  "Q4_2",   "Q4_3",  "Q5_0",  "Q5_1",
    "Q8_0",    "Q8_1",   "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",  "Q8_K",
    "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS",
    "I8",      "I16",    "I32",     "I64",   "F64",    "IQ1_M", "BF16"};

}  // namespace

const BlockFormat* find_block_format(uint32_t ggml_type) {
  for (const auto& format : kFormats)
    if (static_cast<uint32_t>(format.type) == ggml_type) return &format;
  return nullptr;
}

const BlockFormat& format_of(BlockType type) {
  const auto* format = find_block_format(static_cast<uint32_t>(type));
  CHECK(format, static_cast<uint32_t>(type));
  return *format;
}

BlockType block_type_of(DType dtype) {
  if (dtype == DType::f32) return BlockType::f32;
  if (dtype == DType::bf16) return BlockType::bf16;
  if (dtype == DType::f16) return BlockType::f16;
  throw Error("weights of dtype " + std::string(name_of(dtype)) +
              " are not supported: expected f32, bf16 or f16");
}

std::string ggml_type_name(uint32_t ggml_type) {
  if (ggml_type < kNames.size()) return std::string(kNames[ggml_type]);
  return "type number " + std::to_string(ggml_type);
}

int64_t block_bytes(BlockType type, const Shape& shape) {
  const auto& format = format_of(type);
  const int64_t columns = shape.empty() ? 1 : shape.back();
  CHECK(columns % format.elements == 0, columns, format.elements, format.name);
  return num_elements(shape) / format.elements * format.bytes;
}

}  // namespace troupe
