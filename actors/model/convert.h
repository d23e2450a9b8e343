// Any model that troupe reads, written as a Hugging Face folder that transformers loads.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"

namespace troupe {

struct ConvertOptions {
  DType dtype = DType::f32;  // or bf16, rounded to nearest even
  uint64_t max_shard_bytes = 5'000'000'000;
};

struct ConvertResult {
  int64_t tensors = 0;
  int64_t files = 0;   // of safetensors
  uint64_t bytes = 0;  // in them
};

// Writes config.json, generation_config.json, the tokenizer's files and model*.safetensors (with an
// index where there are several) beside `destination` first and renames at the end, so a folder
// exists whole or not at all. Throws when `destination` is there already and not empty.
ConvertResult convert_model(const std::string& source, const std::string& destination,
                            const ConvertOptions& options = {});

}  // namespace troupe
