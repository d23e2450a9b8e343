// A prompt as a user types it, as the token ids that a model continues.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace troupe {

// With the beginning-of-sequence token where the model expects one; special tokens in the text are
// recognised. Throws UsageError if nothing is left to continue.
std::vector<int32_t> prompt_ids(const Tokenizer& tokenizer, const std::string& prompt);

// The prompt as a user's message in the model's chat template, with the opening of the answer.
// Throws UsageError if there is no template.
std::vector<int32_t> chat_prompt_ids(const Tokenizer& tokenizer, const std::string& prompt);

}  // namespace troupe
