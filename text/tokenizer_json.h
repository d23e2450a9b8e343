// HF's tokenizer files (tokenizer.json, tokenizer_config.json and their neighbours), read and
// written.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "text/tokenizer_spec.h"

namespace troupe {

// Reads <folder>/tokenizer.json, and where present tokenizer_config.json, special_tokens_map.json,
// chat_template.jinja, generation_config.json and config.json (ids that end a response). Throws
// Error naming the file and what in it is missing, wrong or unsupported.
TokenizerSpec read_tokenizer_json(const std::filesystem::path& folder);

// The same from parsed files: tokenizer.json alone, then what tokenizer_config.json adds.
TokenizerSpec parse_tokenizer_json(const nlohmann::json& tokenizer);
void apply_tokenizer_config(const nlohmann::json& config, TokenizerSpec& spec);

// Writes tokenizer.json, tokenizer_config.json and special_tokens_map.json, as transformers'
// PreTrainedTokenizerFast reads them. Throws Error with the path where a file cannot be written.
void write_tokenizer_json(const TokenizerSpec& spec, const std::filesystem::path& folder);

}  // namespace troupe
