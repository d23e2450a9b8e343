#include "text/chat_template.h"

#include "base/error.h"
#include "text/jinja/parser.h"

namespace troupe {
namespace {

template <class Body>
decltype(auto) as_chat_template(Body&& body) {
  try {
    return body();
  } catch (const Error& e) {
    throw Error(std::string("chat template: ") + e.what());
  }
}

}  // namespace

struct ChatTemplate::Tree {
  jinja::Block block;
};

ChatTemplate::ChatTemplate(const std::string& source) {
  as_chat_template(
      [&] { tree_ = std::make_unique<const Tree>(Tree{jinja::parse_template(source)}); });
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const nlohmann::ordered_json& messages, bool add_generation_prompt,
                                 const nlohmann::ordered_json& variables) const {
  return as_chat_template([&] {
    if (!messages.is_array()) throw Error("the messages are not a list");
    if (!variables.is_null() && !variables.is_object())
      throw Error("the variables are not an object");
    jinja::Context context;
    context.scope = std::make_shared<jinja::Scope>();
    context.scope->set("messages", jinja::Value::from_json(messages));
    context.scope->set("add_generation_prompt", add_generation_prompt);
    for (const auto& [name, value] : variables.items())
      context.scope->set(name, jinja::Value::from_json(value));
    jinja::run(tree_->block, context);
    return std::move(context.out);
  });
}

std::string render_chat(const std::string& chat_template, const nlohmann::ordered_json& messages,
                        bool add_generation_prompt, const nlohmann::ordered_json& variables) {
  return ChatTemplate(chat_template).render(messages, add_generation_prompt, variables);
}

}  // namespace troupe
