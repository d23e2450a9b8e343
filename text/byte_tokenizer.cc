#include "text/byte_tokenizer.h"

#include "text/byte_level.h"

namespace troupe {

TokenizerSpec byte_tokenizer_spec(uint8_t eos_byte) {
  TokenizerSpec spec;
  const auto alphabet = byte_level_alphabet();
  spec.tokens.assign(alphabet.begin(), alphabet.end());
  spec.eos_id = eos_byte;
  spec.stop_ids = {eos_byte};
  return spec;
}

}  // namespace troupe
