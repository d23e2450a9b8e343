// Chat templates: turns a conversation into the text that a model was trained to continue, as HF's
// apply_chat_template does.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace troupe {

// A parsed template. Immutable: any number of threads may render one.
class ChatTemplate {
 public:
  // Throws Error with the line on what is no template or uses what troupe's Jinja lacks.
  explicit ChatTemplate(const std::string& source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `messages` is a list of {"role", "content", ...}; `variables` (an object, or null) holds what
  // else the template may use: bos_token, eos_token, tools, documents ... Throws Error with the
  // line, and the template's own words where it refuses a conversation.
  std::string render(const nlohmann::ordered_json& messages, bool add_generation_prompt,
                     const nlohmann::ordered_json& variables = {}) const;

 private:
  struct Tree;
  std::unique_ptr<const Tree> tree_;
};

// Parses and renders once.
std::string render_chat(const std::string& chat_template, const nlohmann::ordered_json& messages,
                        bool add_generation_prompt, const nlohmann::ordered_json& variables = {});

}  // namespace troupe
