// How a GGUF file stretches its rotary embedding, as HF's rope_scaling.
#pragma once

#include <nlohmann/json.hpp>

#include "storage/gguf/gguf.h"

namespace troupe {

// null, linear, yarn or llama3. llama.cpp keeps llama3's scaling not as parameters but as the
// divisors of the frequencies (`factors`, a tensor, or nullptr): the parameters are found again
// from them, and an Error says so where none give these divisors.
nlohmann::json gguf_rope_scaling(const GgufFile& file, const GgufTensor* factors,
                                 double rope_theta);

}  // namespace troupe
