#include "text/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace troupe {
namespace {

using Step = PreTokenizerStep;
using Kind = PreTokenizerStep::Kind;

Step regex(const char* pattern) {
  return {Kind::split_regex, pattern};
}

// GPT-4's pattern and its relatives: they differ in what a number and a word are.
std::string modern_pattern(const char* numbers) {
  return std::string(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)") + numbers +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

// Words break where lower case turns into upper case.
std::string cased_pattern(const char* contractions, const char* numbers) {
  const std::string begin = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])";
  const std::string end = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
  return begin + "*" + end + "+" + contractions + "|" + begin + "+" + end + "*" + contractions +
         "|" + numbers + R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

constexpr const char* kContractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

std::vector<Step> gpt2() {
  return {{Kind::gpt2}};
}
std::vector<Step> digits_then_gpt2() {
  return {{Kind::digits}, {Kind::gpt2}};
}
std::vector<Step> llama3() {
  return {regex(modern_pattern(R"(\p{N}{1,3})").c_str())};
}
std::vector<Step> qwen2() {
  return {regex(modern_pattern(R"(\p{N})").c_str())};
}
std::vector<Step> tekken() {
  return {regex(cased_pattern("", R"(\p{N})").c_str())};
}
std::vector<Step> gpt4o() {
  return {regex(cased_pattern(kContractions, R"(\p{N}{1,3})").c_str())};
}
std::vector<Step> falcon() {
  return {regex(R"([\p{P}\$\+<=>\^~\|`]+)"), {Kind::gpt2}, regex("[0-9][0-9][0-9]")};
}
std::vector<Step> unnamed() {
  return {regex(R"([\p{P}\$\+<=>\^~\|]+)"),
          {Kind::gpt2},
          {Kind::digits, "", SplitBehavior::contiguous},
          regex("[0-9][0-9][0-9]")};
}
std::vector<Step> bloom() {
  return {regex(R"( ?[^(\s|.,!?…。，、।۔،)]+)")};
}
std::vector<Step> viking() {
  return {bloom().front(), {Kind::digits}};
}
std::vector<Step> deepseek_coder() {
  return {regex(R"([\r\n])"),
          regex(R"(\s?\p{L}+)"),
          regex(R"(\s?\p{P}+)"),
          regex(R"([一-龥ࠀ-一가-\x{D7FF}]+)"),
          {Kind::digits}};
}
std::vector<Step> deepseek_v3() {
  return {regex(R"(\p{N}{1,3})"), regex("[一-龥぀-ゟ゠-ヿ]+"),
          regex(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?)"
                R"([\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)")};
}

struct Row {
  std::string_view name;
  std::vector<Step> (*steps)();
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

constexpr std::array kRows = std::to_array<Row>({
    {"default", unnamed},
    {"gpt-2", gpt2},
    {"phi-2", gpt2},
    {"mpt", gpt2},
    {"olmo", gpt2},
    {"jais", gpt2},
    {"trillion", gpt2},
    {"exaone4", gpt2},
    {"mellum", gpt2},
    {"granite-docling", gpt2},
    {"smollm", digits_then_gpt2},
    {"starcoder", digits_then_gpt2},
    {"refact", digits_then_gpt2},
    {"command-r", digits_then_gpt2},
    {"codeshell", digits_then_gpt2},
    {"exaone", digits_then_gpt2},
    {"minerva-7b", digits_then_gpt2},
    {"llama-bpe", llama3, true, true},
    {"llama3", llama3, true, true},
    {"llama-v3", llama3, true, true},
    {"falcon3", llama3, true, true},
    {"falcon-h1", llama3, true, true},
    {"pixtral", llama3, true, true},
    {"midm-2.0", llama3, true, true},
    {"lfm2", llama3, true, true},
    {"dbrx", llama3},
    {"smaug-bpe", llama3},
    {"glm4", llama3},
    {"chatglm-bpe", llama3},
    {"qwen2", qwen2},
    {"deepseek-r1-qwen", qwen2},
    {"stablelm2", qwen2},
    {"megrez", qwen2},
    {"hunyuan", qwen2},
    {"grok-2", qwen2},
    {"tekken", tekken, true, true},
    {"gpt-4o", gpt4o},
    {"llama4", gpt4o},
    {"falcon", falcon},
    {"bloom", bloom},
    {"poro-chat", bloom},
    {"gpt3-finnish", bloom},
    {"viking", viking},
    {"deepseek-coder", deepseek_coder},
    {"deepseek-v3", deepseek_v3},
    {"hunyuan-dense", deepseek_v3},
});

const Row& row_of(const std::string& pre) {
  const std::string name = pre.empty() ? "default" : pre;
  std::string known;
  for (const Row& row : kRows) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error("GGUF tokenizer: unknown tokenizer.ggml.pre \"" + pre + "\"; known are " + known);
}

constexpr int32_t kUnknown = 2;
constexpr int32_t kControl = 3;
constexpr int32_t kUserDefined = 4;

std::vector<AddedToken> added_tokens(const GgufTokenizerMetadata& metadata) {
  std::vector<AddedToken> result;
  for (size_t id = 0; id < metadata.token_type.size(); ++id) {
    const int32_t type = metadata.token_type[id];
    if (type != kUnknown && type != kControl && type != kUserDefined) continue;
    if (metadata.tokens[id].empty()) continue;
    result.push_back({static_cast<int32_t>(id), metadata.tokens[id], type != kUserDefined});
  }
  return result;
}

std::pair<std::string, std::string> split_merge(const std::string& merge) {
  const size_t space = merge.find(' ', 1);
  if (space == merge.npos || space + 1 == merge.size())
    throw Error("GGUF tokenizer: merge \"" + merge + "\" is not two tokens with a space between");
  return {merge.substr(0, space), merge.substr(space + 1)};
}

int32_t id_of(std::optional<int64_t> id, size_t vocab_size, const char* key) {
  if (!id) return kNoToken;
  if (*id < 0 || *id >= static_cast<int64_t>(vocab_size))
    throw Error("GGUF tokenizer: " + std::string(key) + " is " + std::to_string(*id) +
                ", but the vocabulary has " + std::to_string(vocab_size) + " tokens");
  return static_cast<int32_t>(*id);
}

void set_ids(const GgufTokenizerMetadata& metadata, TokenizerSpec& spec) {
  const size_t size = spec.tokens.size();
  spec.bos_id = id_of(metadata.bos_token_id, size, "tokenizer.ggml.bos_token_id");
  spec.eos_id = id_of(metadata.eos_token_id, size, "tokenizer.ggml.eos_token_id");
  spec.pad_id = id_of(metadata.padding_token_id, size, "tokenizer.ggml.padding_token_id");
  spec.unk_id = id_of(metadata.unknown_token_id, size, "tokenizer.ggml.unknown_token_id");
  const int32_t eot = id_of(metadata.eot_token_id, size, "tokenizer.ggml.eot_token_id");
  for (int32_t id : {spec.eos_id, eot})
    if (id != kNoToken &&
        std::find(spec.stop_ids.begin(), spec.stop_ids.end(), id) == spec.stop_ids.end())
      spec.stop_ids.push_back(id);
}

}  // namespace

TokenizerSpec tokenizer_spec_from_gguf(const GgufTokenizerMetadata& metadata) {
  if (metadata.model != "gpt2")
    throw Error("GGUF tokenizer: tokenizer.ggml.model is \"" + metadata.model +
                "\"; only \"gpt2\" (byte-level BPE) is supported");
  if (!metadata.token_type.empty() && metadata.token_type.size() != metadata.tokens.size())
    throw Error("GGUF tokenizer: " + std::to_string(metadata.tokens.size()) + " tokens, but " +
                std::to_string(metadata.token_type.size()) + " token types");
  const Row& row = row_of(metadata.pre);
  TokenizerSpec spec;
  spec.tokens = metadata.tokens;
  for (const std::string& merge : metadata.merges) spec.merges.push_back(split_merge(merge));
  spec.added_tokens = added_tokens(metadata);
  spec.pre_tokenizer = row.steps();
  spec.ignore_merges = row.ignore_merges;
  set_ids(metadata, spec);
  spec.add_bos = metadata.add_bos_token.value_or(row.add_bos) && spec.bos_id != kNoToken;
  spec.chat_template = metadata.chat_template;
  check_tokenizer_spec(spec);
  return spec;
}

}  // namespace troupe
