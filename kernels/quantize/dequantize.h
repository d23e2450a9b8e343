// Turns the blocks of a weight file into floats, exactly as llama.cpp defines them. A block holds
// 32 elements, in Q4_K and Q6_K 256 (block_codes.h): Q8_0 = f16 scale d, int8 q: d q; Q4_0 = d,
// nibbles q: d (q - 8); Q4_1 = d, f16 minimum m: d q + m (product rounded, then the sum). Low
// nibbles are elements 0-15, high 16-31. Q4_K: (d s) q - (e t), with f16 d and e and six-bit s and
// t for 32 elements; Q6_K: (d s) (q - 32), with an int8 s for 16 elements.
#pragma once

#include <cstddef>
#include <span>

#include "base/block_type.h"

namespace troupe {

// `blocks` holds out.size() elements; no alignment is asked. Throws where the sizes disagree.
void dequantize(BlockType type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace troupe
