// The smallest tokenizer: one token per byte, no merges. For tests and models made from nothing.
#pragma once

#include <cstdint>

#include "text/tokenizer_spec.h"

namespace troupe {

// 256 tokens, id == byte value; eos_byte ends a response but stays an ordinary byte of texts.
TokenizerSpec byte_tokenizer_spec(uint8_t eos_byte);

}  // namespace troupe
