#include "text/jinja/library.h"
#include "text/jinja/nodes.h"
#include "text/jinja/operators.h"

namespace troupe::jinja {
namespace {

// A name in a message: "message.role" says more than "role".
std::string describe(const Expression& expression) {
  if (const auto* name = dynamic_cast<const Name*>(&expression)) return "'" + name->name + "'";
  return "value";
}

}  // namespace

Arguments CallArguments::evaluate(Context& context) const {
  Arguments arguments;
  for (const auto& value : values) arguments.values.push_back(value->evaluate(context));
  for (const auto& [name, value] : named)
    arguments.named.emplace_back(name, value->evaluate(context));
  return arguments;
}

Value Name::compute(Context& context) const {
  if (const Value* value = context.scope->find(name)) return *value;
  return find_global(name);
}

Value ListLiteral::compute(Context& context) const {
  List list;
  list.is_tuple = is_tuple;
  for (const auto& item : items) list.items.push_back(item->evaluate(context));
  return list;
}

Value DictLiteral::compute(Context& context) const {
  Dict dict;
  for (const auto& [key, value] : items) {
    const Value name = key->evaluate(context);
    if (name.list() || name.dict())
      throw Error("a " + name.type_name() + " cannot be a dict's key");
    dict.set(name, value->evaluate(context));
  }
  return dict;
}

// As in Jinja a method is found before a key of that name.
Value Attribute::compute(Context& context) const {
  const Value value = object->evaluate(context);
  if (value.is_undefined())
    throw Error(value.undefined()->name + " is undefined, it has no attribute '" + name + "'");
  if (Value method = find_method(value, name); !method.is_none()) return method;
  if (value.dict())
    if (const Value* found = value.dict()->find(name)) return *found;
  return Undefined{describe(*object) + " attribute '" + name + "'"};
}

// As in Jinja a key is found before a method of that name.
Value Subscript::compute(Context& context) const {
  const Value value = object->evaluate(context);
  const Value index = key->evaluate(context);
  Value found = subscript(value, index);
  if (!found.is_undefined() || !index.string()) return found;
  const Value method = find_method(value, *index.string());
  return method.is_none() ? found : method;
}

Value Slice::compute(Context& context) const {
  auto bound = [&](const ExpressionPtr& part) { return part ? part->evaluate(context) : Value(); };
  const Value value = object->evaluate(context);
  const Value first = bound(start);
  const Value last = bound(stop);
  return slice(value, first, last, bound(step));
}

Value Call::compute(Context& context) const {
  const Value callee = function->evaluate(context);
  require_defined(callee);
  if (!callee.function()) throw Error(callee.type_name() + " cannot be called");
  return callee.function()->call(arguments.evaluate(context));
}

Value Filter::compute(Context& context) const {
  const Value value = object->evaluate(context);
  return apply_filter(name, value, arguments.evaluate(context));
}

Value Test::compute(Context& context) const {
  const Value value = object->evaluate(context);
  return apply_test(name, value, arguments.evaluate(context)) != negated;
}

Value Binary::compute(Context& context) const {
  const Value a = left->evaluate(context);
  return apply(a, right->evaluate(context));
}

Value Logical::compute(Context& context) const {
  Value value = left->evaluate(context);
  return value.truth() == is_and ? right->evaluate(context) : value;
}

Value Comparison::compute(Context& context) const {
  Value left = first->evaluate(context);
  for (const auto& [holds, expression] : rest) {
    Value right = expression->evaluate(context);
    if (!holds(left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Concatenation::compute(Context& context) const {
  std::string text;
  for (const auto& part : parts) {
    text += part->evaluate(context).str();
    check_text_size(text.size());
  }
  return text;
}

Value Conditional::compute(Context& context) const {
  if (condition->evaluate(context).truth()) return then->evaluate(context);
  return otherwise ? otherwise->evaluate(context) : Value(Undefined{"the missing else"});
}

}  // namespace troupe::jinja
