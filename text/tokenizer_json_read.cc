#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/json_reason.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using json = nlohmann::json;  // sorted: looking a key up in an ordered one is linear

constexpr int64_t kLargestVocabulary = 1 << 24;

[[noreturn]] void unsupported(const std::string& what) {
  throw Error("tokenizer.json: " + what + " is not supported");
}

std::string type_of(const json& part) {
  return part.at("type").get<std::string>();
}

bool is_null(const json& object, const char* key) {
  return !object.contains(key) || object.at(key).is_null();
}

template <class Value>
Value value_or(const json& object, const char* key, Value otherwise) {
  return is_null(object, key) ? otherwise : object.at(key).get<Value>();
}

void set_token(TokenizerSpec& spec, int64_t id, const std::string& token) {
  if (id < 0 || id >= kLargestVocabulary)
    throw Error("tokenizer.json: token \"" + token + "\" has the id " + std::to_string(id) +
                "; expected 0 to " + std::to_string(kLargestVocabulary - 1));
  if (token.empty()) throw Error("tokenizer.json: token " + std::to_string(id) + " is empty");
  if (static_cast<size_t>(id) >= spec.tokens.size()) spec.tokens.resize(id + 1);
  std::string& place = spec.tokens[id];
  if (!place.empty() && place != token)
    throw Error("tokenizer.json: tokens \"" + place + "\" and \"" + token + "\" share the id " +
                std::to_string(id));
  place = token;
}

std::pair<std::string, std::string> parse_merge(const json& merge) {
  if (merge.is_array() && merge.size() == 2)
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const auto text = merge.get<std::string>();
  const size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos)
    throw Error("tokenizer.json: merge \"" + text + "\" is not two tokens with a space between");
  return {text.substr(0, space), text.substr(space + 1)};
}

void refuse_affixes(const json& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!value_or<std::string>(model, key, "").empty()) unsupported(std::string("model.") + key);
  if (value_or(model, "dropout", 0.0) != 0.0) unsupported("model.dropout");
  if (value_or(model, "byte_fallback", false)) unsupported("model.byte_fallback");
  if (value_or(model, "fuse_unk", false) && !is_null(model, "unk_token"))
    unsupported("model.fuse_unk with an unk_token");
}

void parse_model(const json& model, TokenizerSpec& spec) {
  const auto type = value_or<std::string>(model, "type", "BPE");
  if (type != "BPE") unsupported("model type \"" + type + "\"");
  refuse_affixes(model);
  for (const auto& [token, id] : model.at("vocab").items())
    set_token(spec, id.get<int64_t>(), token);
  for (const json& merge : model.at("merges")) spec.merges.push_back(parse_merge(merge));
  spec.ignore_merges = value_or(model, "ignore_merges", false);
  const auto unk = value_or<std::string>(model, "unk_token", "");
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), unk);
  if (unk.empty()) return;
  if (found == spec.tokens.end())
    throw Error("tokenizer.json: unk_token \"" + unk + "\" is not in the vocabulary");
  spec.unk_id = static_cast<int32_t>(found - spec.tokens.begin());
  spec.emit_unk = true;
}

void parse_added_tokens(const json& tokens, TokenizerSpec& spec) {
  for (const json& token : tokens) {
    AddedToken added;
    added.content = token.at("content").get<std::string>();
    if (added.content.empty()) continue;
    const auto id = token.at("id").get<int64_t>();
    set_token(spec, id, added.content);
    added.id = static_cast<int32_t>(id);
    added.special = value_or(token, "special", false);
    added.lstrip = value_or(token, "lstrip", false);
    added.rstrip = value_or(token, "rstrip", false);
    added.single_word = value_or(token, "single_word", false);
    added.normalized = value_or(token, "normalized", !added.special);
    spec.added_tokens.push_back(std::move(added));
  }
}

// {"Regex": "..."} or {"String": "..."}: the pattern, and whether it is a regex.
std::pair<std::string, bool> parse_pattern(const json& pattern) {
  const bool is_regex = pattern.contains("Regex");
  return {pattern.at(is_regex ? "Regex" : "String").get<std::string>(), is_regex};
}

void parse_normalizer(const json& part, std::vector<NormalizerStep>& steps) {
  using Kind = NormalizerStep::Kind;
  static const std::map<std::string, Kind> kSimple = {{"NFC", Kind::nfc},
                                                      {"NFD", Kind::nfd},
                                                      {"NFKC", Kind::nfkc},
                                                      {"NFKD", Kind::nfkd},
                                                      {"Lowercase", Kind::lowercase}};
  const std::string type = type_of(part);
  if (const auto simple = kSimple.find(type); simple != kSimple.end()) {
    steps.push_back({simple->second});
  } else if (type == "Sequence") {
    for (const json& inner : part.at("normalizers")) parse_normalizer(inner, steps);
  } else if (type == "Prepend") {
    steps.push_back({Kind::prepend, "", part.at("prepend").get<std::string>()});
  } else if (type == "Replace") {
    const auto [pattern, is_regex] = parse_pattern(part.at("pattern"));
    steps.push_back({is_regex ? Kind::replace_regex : Kind::replace_string, pattern,
                     part.at("content").get<std::string>()});
  } else {
    unsupported("normalizer \"" + type + "\"");
  }
}

SplitBehavior parse_behavior(const std::string& name) {
  static const std::map<std::string, SplitBehavior> kNames = {
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous}};
  const auto found = kNames.find(name);
  if (found == kNames.end()) unsupported("split behavior \"" + name + "\"");
  return found->second;
}

PreTokenizerStep parse_split(const json& part) {
  const auto [pattern, is_regex] = parse_pattern(part.at("pattern"));
  using Kind = PreTokenizerStep::Kind;
  return {is_regex ? Kind::split_regex : Kind::split_string, pattern,
          parse_behavior(part.at("behavior").get<std::string>()), value_or(part, "invert", false)};
}

// `bytes_seen`: whether ByteLevel came already; after it, pieces are no plain text any more.
void parse_pre_tokenizer(const json& part, std::vector<PreTokenizerStep>& steps, bool& bytes_seen) {
  using Kind = PreTokenizerStep::Kind;
  const std::string type = type_of(part);
  if (bytes_seen) unsupported("pre_tokenizer \"" + type + "\" after ByteLevel");
  if (type == "Sequence") {
    for (const json& inner : part.at("pretokenizers"))
      parse_pre_tokenizer(inner, steps, bytes_seen);
  } else if (type == "ByteLevel") {
    bytes_seen = true;
    if (value_or(part, "add_prefix_space", true)) steps.push_back({Kind::prefix_space});
    if (value_or(part, "use_regex", true)) steps.push_back({Kind::gpt2});
  } else if (type == "Digits") {
    const bool alone = value_or(part, "individual_digits", false);
    steps.push_back(
        {Kind::digits, "", alone ? SplitBehavior::isolated : SplitBehavior::contiguous});
  } else if (type == "Split") {
    steps.push_back(parse_split(part));
  } else {
    unsupported("pre_tokenizer \"" + type + "\"");
  }
}

void parse_template(const json& part, TokenizerSpec& spec) {
  bool before = true;
  for (const json& piece : part.at("single")) {
    if (piece.contains("Sequence")) {
      before = false;
      continue;
    }
    const auto token = piece.at("SpecialToken").at("id").get<std::string>();
    if (!before || spec.add_bos)
      unsupported("post_processor TemplateProcessing that adds \"" + token +
                  "\" (only one token at the beginning is)");
    const auto& ids = part.at("special_tokens").at(token).at("ids");
    if (ids.size() != 1) unsupported("post_processor token \"" + token + "\" of several ids");
    spec.bos_id = ids.at(0).get<int32_t>();
    spec.add_bos = true;
  }
}

void parse_post_processor(const json& part, TokenizerSpec& spec) {
  const std::string type = type_of(part);
  if (type == "ByteLevel") return;  // concerns offsets only
  if (type == "TemplateProcessing") return parse_template(part, spec);
  if (type != "Sequence") unsupported("post_processor \"" + type + "\"");
  for (const json& inner : part.at("processors")) parse_post_processor(inner, spec);
}

void require_byte_level_decoder(const json& tokenizer) {
  if (is_null(tokenizer, "decoder")) throw Error("tokenizer.json: no decoder, expected ByteLevel");
  const std::string type = type_of(tokenizer.at("decoder"));
  if (type != "ByteLevel") unsupported("decoder \"" + type + "\"");
}

// A name in the config, as a plain string or as an AddedToken object.
int32_t config_token(const json& config, const char* key, const TokenizerSpec& spec,
                     int32_t otherwise) {
  if (is_null(config, key)) return otherwise;
  const json& value = config.at(key);
  const auto token = (value.is_object() ? value.at("content") : value).get<std::string>();
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), token);
  if (token.empty() || found == spec.tokens.end()) return otherwise;
  return static_cast<int32_t>(found - spec.tokens.begin());
}

// A string, or a list of named templates of which "default" is meant.
std::string config_template(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  for (const json& entry : value)
    if (entry.at("name") == "default") return entry.at("template").get<std::string>();
  return {};
}

void add_stop_id(TokenizerSpec& spec, int32_t id) {
  if (id < 0 || std::find(spec.stop_ids.begin(), spec.stop_ids.end(), id) != spec.stop_ids.end())
    return;
  spec.stop_ids.push_back(id);
}

// eos_token_id of generation_config.json or config.json: a number or a list of them.
void add_stop_ids(const json& config, TokenizerSpec& spec) {
  if (is_null(config, "eos_token_id")) return;
  const json& ids = config.at("eos_token_id");
  if (!ids.is_array()) return add_stop_id(spec, ids.get<int32_t>());
  for (const json& id : ids) add_stop_id(spec, id.get<int32_t>());
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path.string());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Parses the file and hands it to `use`; what is wrong in it is told with its path.
template <class Use>
void with_json(const std::filesystem::path& path, Use use) {
  with_context("reading " + path.string(), [&] {
    try {
      use(json::parse(read_file(path)));
    } catch (const nlohmann::json::exception& e) {
      throw Error(path.string() + ": damaged, or no tokenizer: " + json_reason(e));
    }
  });
}

template <class Use>
void with_json_if_there(const std::filesystem::path& path, Use use) {
  if (std::filesystem::exists(path)) with_json(path, use);
}

}  // namespace

TokenizerSpec parse_tokenizer_json(const json& tokenizer) {
  TokenizerSpec spec;
  parse_model(tokenizer.at("model"), spec);
  if (!is_null(tokenizer, "added_tokens")) parse_added_tokens(tokenizer.at("added_tokens"), spec);
  if (!is_null(tokenizer, "normalizer"))
    parse_normalizer(tokenizer.at("normalizer"), spec.normalizer);
  bool bytes_seen = false;
  if (!is_null(tokenizer, "pre_tokenizer"))
    parse_pre_tokenizer(tokenizer.at("pre_tokenizer"), spec.pre_tokenizer, bytes_seen);
  if (!bytes_seen) unsupported("a pre_tokenizer without ByteLevel");
  require_byte_level_decoder(tokenizer);
  if (!is_null(tokenizer, "post_processor"))
    parse_post_processor(tokenizer.at("post_processor"), spec);
  return spec;
}

void apply_tokenizer_config(const json& config, TokenizerSpec& spec) {
  spec.bos_id = config_token(config, "bos_token", spec, spec.bos_id);
  spec.eos_id = config_token(config, "eos_token", spec, spec.eos_id);
  spec.pad_id = config_token(config, "pad_token", spec, spec.pad_id);
  spec.unk_id = config_token(config, "unk_token", spec, spec.unk_id);
  if (!is_null(config, "chat_template"))
    spec.chat_template = config_template(config.at("chat_template"));
  if (value_or(config, "add_bos_token", false) && spec.bos_id != kNoToken) spec.add_bos = true;
}

TokenizerSpec read_tokenizer_json(const std::filesystem::path& folder) {
  TokenizerSpec spec;
  with_json(folder / "tokenizer.json",
            [&](const json& file) { spec = parse_tokenizer_json(file); });
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"})
    with_json_if_there(folder / name,
                       [&](const json& file) { apply_tokenizer_config(file, spec); });
  const auto jinja = folder / "chat_template.jinja";
  if (std::filesystem::exists(jinja)) spec.chat_template = read_file(jinja);
  add_stop_id(spec, spec.eos_id);
  for (const char* name : {"generation_config.json", "config.json"})
    if (name == std::string("generation_config.json") || spec.stop_ids.empty())
      with_json_if_there(folder / name, [&](const json& file) { add_stop_ids(file, spec); });
  if (spec.eos_id == kNoToken && !spec.stop_ids.empty()) spec.eos_id = spec.stop_ids.front();
  check_tokenizer_spec(spec);
  return spec;
}

}  // namespace troupe
