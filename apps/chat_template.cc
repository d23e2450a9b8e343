// `troupe chat-template`: conversations to the text that a model continues, a JSON value a line.
#include "text/chat_template.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "actors/model/model_source.h"
#include "apps/commands.h"
#include "apps/json_lines.h"
#include "base/error.h"

namespace troupe {
namespace {

using json = nlohmann::ordered_json;

json special_tokens(const TokenizerSpec& spec) {
  json variables = json::object();
  auto put = [&](const char* name, int32_t id) {
    if (id != kNoToken) variables[name] = spec.tokens[id];
  };
  put("bos_token", spec.bos_id);
  put("eos_token", spec.eos_id);
  put("pad_token", spec.pad_id);
  put("unk_token", spec.unk_id);
  return variables;
}

// Everything in the line but these two is a variable of the template: tools, documents ...
json render_line(const ChatTemplate& chat, json variables, const json& line) {
  if (!line.is_object()) throw Error("expected an object with \"messages\"");
  variables.update(line);
  variables.erase("messages");
  variables.erase("add_generation_prompt");
  return chat.render(line.at("messages"), line.value("add_generation_prompt", false), variables);
}

void render(const std::string& model) {
  const auto spec = ModelSource::open(model).tokenizer();
  if (!spec || spec->chat_template.empty()) throw UsageError(model + " has no chat template");
  const ChatTemplate chat(spec->chat_template);
  const json variables = special_tokens(*spec);
  answer_json_lines([&](const json& line) { return render_line(chat, variables, line); });
}

}  // namespace

void add_chat_template(CLI::App& app) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "chat-template",
      "Render {\"messages\": [...], \"add_generation_prompt\": true}, one a line on stdin");
  command->add_option("--model", *model, "A GGUF file, HF folder or checkpoint")->required();
  command->callback([model] { render(*model); });
}

}  // namespace troupe
