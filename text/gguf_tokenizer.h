// A tokenizer from a GGUF file's metadata. GGUF does not store the pre-tokenizer, only its name;
// what the names mean is llama.cpp's convention, and the table of them is in the source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer_spec.h"

namespace troupe {

// The values of the tokenizer.* keys as they stand in the file.
struct GgufTokenizerMetadata {
  std::string model;                // tokenizer.ggml.model
  std::string pre;                  // tokenizer.ggml.pre; empty where the key is missing
  std::vector<std::string> tokens;  // tokenizer.ggml.tokens
  std::vector<int32_t> token_type;  // tokenizer.ggml.token_type; may be empty
  std::vector<std::string> merges;  // tokenizer.ggml.merges, "left right"
  std::optional<int64_t> bos_token_id;
  std::optional<int64_t> eos_token_id;
  std::optional<int64_t> eot_token_id;
  std::optional<int64_t> padding_token_id;
  std::optional<int64_t> unknown_token_id;
  std::optional<bool> add_bos_token;
  std::string chat_template;  // tokenizer.chat_template; may be empty
};

// Throws Error on a model other than "gpt2" (byte-level BPE), on an unknown pre-tokenizer name
// (listing the known ones) and on values that do not fit each other.
TokenizerSpec tokenizer_spec_from_gguf(const GgufTokenizerMetadata& metadata);

}  // namespace troupe
