// The syntax tree of a template. Expressions have a value, statements print and assign.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/context.h"

namespace troupe::jinja {

struct Expression {
  int depth = 1;  // of the tree; the parser keeps it low enough for the stack
  virtual ~Expression() = default;
  Value evaluate(Context& context) const {
    const Step step(context);
    return compute(context);
  }

 private:
  virtual Value compute(Context& context) const = 0;
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> values;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  Arguments evaluate(Context& context) const;
};

struct Literal : Expression {
  Value value;
  Value compute(Context&) const override { return value; }
};
struct Name : Expression {
  std::string name;
  Value compute(Context& context) const override;
};
struct ListLiteral : Expression {
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  Value compute(Context& context) const override;
};
struct DictLiteral : Expression {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
  Value compute(Context& context) const override;
};
struct Attribute : Expression {  // object.name
  ExpressionPtr object;
  std::string name;
  Value compute(Context& context) const override;
};
struct Subscript : Expression {  // object[key]
  ExpressionPtr object, key;
  Value compute(Context& context) const override;
};
struct Slice : Expression {  // object[start:stop:step]
  ExpressionPtr object, start, stop, step;
  Value compute(Context& context) const override;
};
struct Call : Expression {
  ExpressionPtr function;
  CallArguments arguments;
  Value compute(Context& context) const override;
};
struct Filter : Expression {  // object|name(arguments)
  ExpressionPtr object;
  std::string name;
  CallArguments arguments;
  Value compute(Context& context) const override;
};
struct Test : Expression {  // object is [not] name(arguments)
  ExpressionPtr object;
  std::string name;
  CallArguments arguments;
  bool negated = false;
  Value compute(Context& context) const override;
};
struct Unary : Expression {
  Value (*apply)(const Value&) = nullptr;
  ExpressionPtr operand;
  Value compute(Context& context) const override { return apply(operand->evaluate(context)); }
};
struct Binary : Expression {
  Value (*apply)(const Value&, const Value&) = nullptr;
  ExpressionPtr left, right;
  Value compute(Context& context) const override;
};
struct Logical : Expression {  // and, or: the value that decides
  bool is_and = true;
  ExpressionPtr left, right;
  Value compute(Context& context) const override;
};
struct Comparison : Expression {  // a < b == c ...
  ExpressionPtr first;
  std::vector<std::pair<bool (*)(const Value&, const Value&), ExpressionPtr>> rest;
  Value compute(Context& context) const override;
};
struct Concatenation : Expression {  // a ~ b ~ c
  std::vector<ExpressionPtr> parts;
  Value compute(Context& context) const override;
};
struct Conditional : Expression {  // then if condition else otherwise
  ExpressionPtr condition, then, otherwise;
  Value compute(Context& context) const override;
};

enum class Flow { next, break_loop, continue_loop };

struct Statement {
  int line = 1;
  virtual ~Statement() = default;
  // An Error that leaves it tells the line.
  Flow run(Context& context) const;

 private:
  virtual Flow execute(Context& context) const = 0;
};
using Block = std::vector<std::unique_ptr<Statement>>;
Flow run(const Block& block, Context& context);

// What an assignment writes to: a name, several names, or a namespace's attribute.
struct Target {
  std::vector<std::string> names;
  bool is_tuple = false;
  std::string attribute;  // of the namespace names[0]; empty = none
  void assign(Context& context, const Value& value) const;
};

struct Text : Statement {
  std::string text;
  Flow execute(Context& context) const override;
};
struct Print : Statement {
  ExpressionPtr value;
  Flow execute(Context& context) const override;
};
struct If : Statement {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
  Flow execute(Context& context) const override;
};
struct For : Statement {
  Target target;
  ExpressionPtr iterable, condition;
  Block body, otherwise;
  Flow execute(Context& context) const override;
};
struct Set : Statement {
  Target target;
  ExpressionPtr value;  // or, where there is none, the text that the body prints
  Block body;
  Flow execute(Context& context) const override;
};
struct With : Statement {  // also {% generation %}, which only opens a scope
  std::vector<std::pair<std::string, ExpressionPtr>> variables;
  Block body;
  Flow execute(Context& context) const override;
};
struct FilterBlock : Statement {
  std::string name;
  CallArguments arguments;
  Block body;
  Flow execute(Context& context) const override;
};
struct Macro : Statement {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with their defaults or nullptr
  Block body;
  Flow execute(Context& context) const override;
};
struct LoopControl : Statement {
  Flow flow = Flow::break_loop;
  Flow execute(Context&) const override { return flow; }
};

}  // namespace troupe::jinja
