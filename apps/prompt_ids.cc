#include "apps/prompt_ids.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/chat_template.h"

namespace troupe {

std::vector<int32_t> prompt_ids(const Tokenizer& tokenizer, const std::string& prompt) {
  const auto& spec = tokenizer.spec();
  auto ids = tokenizer.encode(prompt);
  if (spec.add_bos && spec.bos_id != kNoToken) ids.insert(ids.begin(), spec.bos_id);
  if (ids.empty()) throw UsageError("--prompt: there is nothing to continue");
  return ids;
}

std::vector<int32_t> chat_prompt_ids(const Tokenizer& tokenizer, const std::string& prompt) {
  const auto& spec = tokenizer.spec();
  if (spec.chat_template.empty())
    throw UsageError("--chat: the model has no chat template; leave it out");
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  if (spec.bos_id != kNoToken) variables["bos_token"] = spec.tokens[spec.bos_id];
  if (spec.eos_id != kNoToken) variables["eos_token"] = spec.tokens[spec.eos_id];
  const nlohmann::ordered_json message = {{"role", "user"}, {"content", prompt}};
  return tokenizer.encode(
      render_chat(spec.chat_template, nlohmann::ordered_json::array({message}), true, variables));
}

}  // namespace troupe
