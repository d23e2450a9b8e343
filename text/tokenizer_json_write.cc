#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using json = nlohmann::ordered_json;

json added_token(const AddedToken& token, bool with_id) {
  json object = json::object();
  if (with_id) object["id"] = token.id;
  object["content"] = token.content;
  object["single_word"] = token.single_word;
  object["lstrip"] = token.lstrip;
  object["rstrip"] = token.rstrip;
  object["normalized"] = token.normalized;
  object["special"] = token.special;
  return object;
}

json sequence(const char* member, json parts) {
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {member, std::move(parts)}};
}

json pattern(const std::string& text, bool is_regex) {
  return {{is_regex ? "Regex" : "String", text}};
}

json normalizer_step(const NormalizerStep& step) {
  using Kind = NormalizerStep::Kind;
  switch (step.kind) {
    case Kind::nfc:
      return {{"type", "NFC"}};
    case Kind::nfd:
      return {{"type", "NFD"}};
    case Kind::nfkc:
      return {{"type", "NFKC"}};
    case Kind::nfkd:
      return {{"type", "NFKD"}};
    case Kind::lowercase:
      return {{"type", "Lowercase"}};
    case Kind::prepend:
      return {{"type", "Prepend"}, {"prepend", step.content}};
    case Kind::replace_string:
    case Kind::replace_regex:
      break;
  }
  return {{"type", "Replace"},
          {"pattern", pattern(step.pattern, step.kind == Kind::replace_regex)},
          {"content", step.content}};
}

json normalizer(const TokenizerSpec& spec) {
  json parts = json::array();
  for (const auto& step : spec.normalizer) parts.push_back(normalizer_step(step));
  return parts.empty() ? json(nullptr) : sequence("normalizers", std::move(parts));
}

const char* name_of(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::removed:
      return "Removed";
    case SplitBehavior::isolated:
      return "Isolated";
    case SplitBehavior::merged_with_previous:
      return "MergedWithPrevious";
    case SplitBehavior::merged_with_next:
      return "MergedWithNext";
    case SplitBehavior::contiguous:
      return "Contiguous";
  }
  return "";
}

json byte_level(bool prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

json split(const PreTokenizerStep& step) {
  return {{"type", "Split"},
          {"pattern", pattern(step.pattern, step.kind == PreTokenizerStep::Kind::split_regex)},
          {"behavior", name_of(step.behavior)},
          {"invert", step.invert}};
}

json pre_tokenizer_step(const PreTokenizerStep& step) {
  using Kind = PreTokenizerStep::Kind;
  switch (step.kind) {
    case Kind::digits:
      return {{"type", "Digits"}, {"individual_digits", step.behavior == SplitBehavior::isolated}};
    case Kind::gpt2:
      return split({Kind::split_regex, kGpt2Pattern});
    case Kind::prefix_space:
      throw Error("tokenizer.json: a prefix space in the middle of the pre-tokenizer has no form");
    case Kind::split_regex:
    case Kind::split_string:
      break;
  }
  return split(step);
}

// ByteLevel comes last and takes GPT-2's pattern and the prefix space with it where they are last.
struct LastSteps {
  size_t before = 0;  // the steps that ByteLevel does not take with it
  bool prefix_space = false;
  bool use_regex = false;
};

LastSteps last_steps(const std::vector<PreTokenizerStep>& steps) {
  using Kind = PreTokenizerStep::Kind;
  LastSteps last{steps.size()};
  auto take = [&](Kind kind) {
    const bool there = last.before > 0 && steps[last.before - 1].kind == kind;
    if (there) --last.before;
    return there;
  };
  last.use_regex = take(Kind::gpt2);
  last.prefix_space = take(Kind::prefix_space);
  return last;
}

json pre_tokenizer(const TokenizerSpec& spec) {
  const LastSteps last = last_steps(spec.pre_tokenizer);
  json parts = json::array();
  for (size_t i = 0; i < last.before; ++i)
    parts.push_back(pre_tokenizer_step(spec.pre_tokenizer[i]));
  parts.push_back(byte_level(last.prefix_space, last.use_regex));
  return sequence("pretokenizers", std::move(parts));
}

json post_processor(const TokenizerSpec& spec) {
  if (!spec.add_bos || spec.bos_id == kNoToken) return nullptr;
  const std::string& bos = spec.tokens[spec.bos_id];
  const json token = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const json a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json b = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  const json described = {
      {"id", bos}, {"ids", json::array({spec.bos_id})}, {"tokens", json::array({bos})}};
  return {{"type", "TemplateProcessing"},
          {"single", json::array({token, a})},
          {"pair", json::array({token, a, token, b})},
          {"special_tokens", {{bos, described}}}};
}

json model(const TokenizerSpec& spec) {
  json vocab = json::object();
  auto& entries = vocab.get_ref<json::object_t&>();
  entries.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    if (!spec.tokens[id].empty())  // appended as they are: the object would search for each key
      static_cast<std::vector<std::pair<const std::string, json>>&>(entries).emplace_back(
          spec.tokens[id], static_cast<int64_t>(id));
  json merges = json::array();
  for (const auto& [left, right] : spec.merges) merges.push_back(left + " " + right);
  const json unk = spec.emit_unk ? json(spec.tokens[spec.unk_id]) : json(nullptr);
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unk},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", spec.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

json tokenizer(const TokenizerSpec& spec) {
  json added = json::array();
  for (const AddedToken& token : spec.added_tokens) added.push_back(added_token(token, true));
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", normalizer(spec)},
          {"pre_tokenizer", pre_tokenizer(spec)},
          {"post_processor", post_processor(spec)},
          {"decoder", byte_level(true, true)},
          {"model", model(spec)}};
}

json special_tokens_map(const TokenizerSpec& spec) {
  json map = json::object();
  auto put = [&](const char* name, int32_t id) {
    if (id != kNoToken) map[name] = spec.tokens[id];
  };
  put("bos_token", spec.bos_id);
  put("eos_token", spec.eos_id);
  put("unk_token", spec.unk_id);
  put("pad_token", spec.pad_id);
  return map;
}

json tokenizer_config(const TokenizerSpec& spec) {
  json config = {{"add_bos_token", spec.add_bos},
                 {"add_prefix_space", last_steps(spec.pre_tokenizer).prefix_space}};
  json decoder = json::object();
  for (const AddedToken& token : spec.added_tokens)
    decoder[std::to_string(token.id)] = added_token(token, false);
  config["added_tokens_decoder"] = std::move(decoder);
  config.update(special_tokens_map(spec));
  config["clean_up_tokenization_spaces"] = false;
  if (!spec.chat_template.empty()) config["chat_template"] = spec.chat_template;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config;
}

void write_file(const std::filesystem::path& path, const json& value) {
  const std::string text = value.dump(2) + "\n";
  std::ofstream file(path, std::ios::binary);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) throw Error("cannot write " + path.string() + ": " + std::strerror(errno));
}

}  // namespace

void write_tokenizer_json(const TokenizerSpec& spec, const std::filesystem::path& folder) {
  check_tokenizer_spec(spec);
  write_file(folder / "tokenizer.json", tokenizer(spec));
  write_file(folder / "tokenizer_config.json", tokenizer_config(spec));
  write_file(folder / "special_tokens_map.json", special_tokens_map(spec));
}

}  // namespace troupe
