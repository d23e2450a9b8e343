#include <algorithm>

#include "text/jinja/library.h"
#include "text/jinja/nodes.h"

namespace troupe::jinja {
namespace {

// Runs the body and gives what it printed, instead of printing it.
std::string capture(const Block& body, Context& context) {
  std::string outer = std::move(context.out);
  context.out.clear();
  run(body, context);
  std::swap(outer, context.out);
  return outer;
}

// The `loop` variable of iteration i.
Value loop_variable(const std::vector<Value>& items, size_t i) {
  const auto count = static_cast<int64_t>(items.size());
  const auto index = static_cast<int64_t>(i);
  Dict loop;
  loop.items = {
      {"index", index + 1},
      {"index0", index},
      {"revindex", count - index},
      {"revindex0", count - index - 1},
      {"first", i == 0},
      {"last", index + 1 == count},
      {"length", count},
      {"depth", int64_t{1}},
      {"depth0", int64_t{0}},
      {"previtem", i > 0 ? items[i - 1] : Value(Undefined{"loop.previtem"})},
      {"nextitem", i + 1 < items.size() ? items[i + 1] : Value(Undefined{"loop.nextitem"})},
      {"cycle", Function{"cycle", [i](const Arguments& arguments) {
                           if (arguments.values.empty())
                             throw Error("loop.cycle needs an argument");
                           return arguments.values[i % arguments.values.size()];
                         }}}};
  return loop;
}

std::vector<Value> keep_where(const For& loop, std::vector<Value> items, Context& context) {
  if (!loop.condition) return items;
  std::erase_if(items, [&](const Value& item) {
    const ScopeGuard scope(context);
    loop.target.assign(context, item);
    return !loop.condition->evaluate(context).truth();
  });
  return items;
}

void bind_parameters(const Macro& macro, const Arguments& arguments, Context& context) {
  if (arguments.values.size() > macro.parameters.size())
    throw Error("macro '" + macro.name + "' takes " + std::to_string(macro.parameters.size()) +
                " arguments, found " + std::to_string(arguments.values.size()));
  for (const auto& argument : arguments.named)
    if (std::none_of(macro.parameters.begin(), macro.parameters.end(),
                     [&](const auto& parameter) { return parameter.first == argument.first; }))
      throw Error("macro '" + macro.name + "' has no argument '" + argument.first + "'");
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, otherwise] = macro.parameters[i];
    const Value* given = arguments.find(i, name);
    context.scope->set(name, given       ? *given
                             : otherwise ? otherwise->evaluate(context)
                                         : Value(Undefined{"parameter '" + name + "'"}));
  }
}

}  // namespace

Flow Statement::run(Context& context) const {
  try {
    const Step step(context);
    return execute(context);
  } catch (const LineError&) {
    throw;
  } catch (const Error& e) {
    throw LineError("line " + std::to_string(line) + ": " + e.what());
  }
}

Flow run(const Block& block, Context& context) {
  for (const auto& statement : block)
    if (const Flow flow = statement->run(context); flow != Flow::next) return flow;
  return Flow::next;
}

void Target::assign(Context& context, const Value& value) const {
  if (!attribute.empty()) {
    const Value* object = context.scope->find(names[0]);
    if (object == nullptr || !object->dict() || !object->dict()->is_namespace)
      throw Error("'" + names[0] + "' is not a namespace, so '" + attribute + "' cannot be set");
    return object->dict()->set(attribute, value);
  }
  if (!is_tuple) return context.scope->set(names[0], value);
  const auto items = iterate(value);
  if (items.size() != names.size())
    throw Error("cannot unpack " + std::to_string(items.size()) + " values into " +
                std::to_string(names.size()) + " names");
  for (size_t i = 0; i < names.size(); ++i) context.scope->set(names[i], items[i]);
}

Flow Text::execute(Context& context) const {
  context.print(text);
  return Flow::next;
}

Flow Print::execute(Context& context) const {
  context.print(value->evaluate(context).str());
  return Flow::next;
}

Flow If::execute(Context& context) const {
  for (const auto& [condition, body] : branches)
    if (condition->evaluate(context).truth()) return jinja::run(body, context);
  return jinja::run(otherwise, context);
}

Flow For::execute(Context& context) const {
  const auto items = keep_where(*this, iterate(iterable->evaluate(context)), context);
  for (size_t i = 0; i < items.size(); ++i) {
    const ScopeGuard scope(context);
    const Step step(context);
    target.assign(context, items[i]);
    context.scope->set("loop", loop_variable(items, i));
    if (jinja::run(body, context) == Flow::break_loop) return Flow::next;
  }
  if (!items.empty()) return Flow::next;
  const ScopeGuard scope(context);
  return jinja::run(otherwise, context);
}

Flow Set::execute(Context& context) const {
  if (value) {
    target.assign(context, value->evaluate(context));
  } else {
    const ScopeGuard scope(context);
    const std::string text = capture(body, context);
    context.scope = context.scope->parent;  // the guard puts the same scope back
    target.assign(context, text);
  }
  return Flow::next;
}

Flow With::execute(Context& context) const {
  std::vector<Value> values;
  for (const auto& [name, value] : variables) values.push_back(value->evaluate(context));
  const ScopeGuard scope(context);
  for (size_t i = 0; i < values.size(); ++i) context.scope->set(variables[i].first, values[i]);
  return jinja::run(body, context);
}

Flow FilterBlock::execute(Context& context) const {
  const ScopeGuard scope(context);
  const std::string text = capture(body, context);
  context.print(apply_filter(name, text, arguments.evaluate(context)).str());
  return Flow::next;
}

// A macro sees what stands around its definition, not what stands around its call.
Flow Macro::execute(Context& context) const {
  const std::weak_ptr<Scope> around = context.scope;
  auto call = [this, around, &context](const Arguments& arguments) -> Value {
    auto outer = around.lock();
    if (!outer) throw Error("macro '" + name + "' is called outside of the scope that defines it");
    const ScopeGuard scope(context, std::move(outer));
    bind_parameters(*this, arguments, context);
    return capture(body, context);
  };
  context.scope->set(name, Function{name, call});
  return Flow::next;
}

}  // namespace troupe::jinja
