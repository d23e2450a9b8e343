#include "text/jinja/context.h"

namespace troupe::jinja {
namespace {

constexpr int64_t kMostSteps = 2'000'000;
constexpr int kDeepestCall = 1000;

}  // namespace

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get())
    for (const auto& [key, value] : scope->variables)
      if (key == name) return &value;
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [key, old] : variables)
    if (key == name) {
      old = std::move(value);
      return;
    }
  variables.emplace_back(name, std::move(value));
}

void Context::print(const std::string& text) {
  check_text_size(out.size() + text.size());
  out += text;
}

Step::Step(Context& context) : context_(context) {
  if (++context.steps > kMostSteps)
    throw Error("the template takes more than " + std::to_string(kMostSteps) + " steps");
  if (context.depth >= kDeepestCall)
    throw Error("the template calls itself more than " + std::to_string(kDeepestCall) + " deep");
  ++context.depth;
}

}  // namespace troupe::jinja
