// A GGUF file of the llama architecture in Hugging Face's words: config, weight names, tokenizer.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "actors/model/model_source.h"
#include "storage/gguf/gguf.h"
#include "text/gguf_tokenizer.h"

namespace troupe {

// config.json as transformers' LlamaForCausalLM reads it. Throws an Error that names the file and
// the key: on another architecture, a missing key, a rotary scaling that HF has no name for.
nlohmann::json llama_config(const GgufFile& file);
nlohmann::json llama_generation_config(const GgufFile& file);

// By HF's names; throws on a tensor that the architecture does not have.
std::map<std::string, ModelWeight> llama_weights(const GgufFile& file,
                                                 const nlohmann::json& config);

// What LlamaForCausalLM must have, biases where the config says so.
std::map<std::string, Shape> llama_shapes(const nlohmann::json& config);

GgufTokenizerMetadata gguf_tokenizer_metadata(const GgufFile& file);

}  // namespace troupe
