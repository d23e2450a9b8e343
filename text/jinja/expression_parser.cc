#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>

#include "text/jinja/operators.h"

namespace troupe::jinja {
namespace {

constexpr int kDeepestNesting = 100;
constexpr int kDeepestTree = 400;

std::string shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "the end of the template";
    case TokenKind::block_end:
      return "'%}'";
    case TokenKind::variable_end:
      return "'}}'";
    case TokenKind::string:
      return "a string";
    default:
      return "'" + token.text + "'";
  }
}

bool equals(const Value& a, const Value& b) {
  return equal(a, b);
}
bool differs(const Value& a, const Value& b) {
  return !equal(a, b);
}
bool less(const Value& a, const Value& b) {
  return compare(a, b) < 0;
}
bool less_equal(const Value& a, const Value& b) {
  return compare(a, b) <= 0;
}
bool greater(const Value& a, const Value& b) {
  return compare(a, b) > 0;
}
bool greater_equal(const Value& a, const Value& b) {
  return compare(a, b) >= 0;
}
bool is_in(const Value& a, const Value& b) {
  return contains(b, a);
}
bool is_not_in(const Value& a, const Value& b) {
  return !contains(b, a);
}

ExpressionPtr literal(Value value) {
  auto node = std::make_unique<Literal>();
  node->value = std::move(value);
  return node;
}

}  // namespace

ExpressionParser::Nesting::Nesting(ExpressionParser& parser) : parser_(parser) {
  if (parser.nesting_ >= kDeepestNesting)
    parser.fail("nested more than " + std::to_string(kDeepestNesting) + " levels deep");
  ++parser.nesting_;
}

Token ExpressionParser::next() {
  Token token = tokens_[at_];
  if (token.kind != TokenKind::end) ++at_;
  return token;
}

bool ExpressionParser::next_is_op(std::string_view op) const {
  return peek().kind == TokenKind::op && peek().text == op;
}
bool ExpressionParser::next_is_name(std::string_view name) const {
  return peek().kind == TokenKind::name && peek().text == name;
}
bool ExpressionParser::skip_op(std::string_view op) {
  if (!next_is_op(op)) return false;
  next();
  return true;
}
bool ExpressionParser::skip_name(std::string_view name) {
  if (!next_is_name(name)) return false;
  next();
  return true;
}
void ExpressionParser::expect_op(std::string_view op) {
  if (!skip_op(op)) fail_expected("'" + std::string(op) + "'");
}
std::string ExpressionParser::expect_name(const char* what) {
  if (peek().kind != TokenKind::name) fail_expected(what);
  return next().text;
}
void ExpressionParser::fail(const std::string& what) const {
  throw LineError("line " + std::to_string(peek().line) + ": " + what);
}
void ExpressionParser::fail_expected(const std::string& what) const {
  fail("expected " + what + ", found " + shown(peek()));
}

void ExpressionParser::deepen(Expression& node, const Expression& child) const {
  node.depth = std::max(node.depth, child.depth + 1);
  if (node.depth > kDeepestTree) fail("the expression is too long");
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition) {
  ExpressionPtr first = parse_expression(with_condition);
  if (!next_is_op(",")) return first;
  auto tuple = std::make_unique<ListLiteral>();
  tuple->is_tuple = true;
  deepen(*tuple, *first);
  tuple->items.push_back(std::move(first));
  while (skip_op(",")) {
    const bool ends = peek().kind == TokenKind::block_end ||
                      peek().kind == TokenKind::variable_end || next_is_op(")");
    if (ends) break;
    tuple->items.push_back(parse_expression(with_condition));
    deepen(*tuple, *tuple->items.back());
  }
  return tuple;
}

ExpressionPtr ExpressionParser::parse_expression(bool with_condition) {
  const Nesting nesting(*this);
  ExpressionPtr value = parse_logical(false);
  while (with_condition && skip_name("if")) {
    auto node = std::make_unique<Conditional>();
    node->condition = parse_logical(false);
    node->then = std::move(value);
    if (skip_name("else")) node->otherwise = parse_expression();
    deepen(*node, *node->condition);
    deepen(*node, *node->then);
    if (node->otherwise) deepen(*node, *node->otherwise);
    value = std::move(node);
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_logical(bool is_and) {
  auto operand = [&] { return is_and ? parse_not() : parse_logical(true); };
  ExpressionPtr left = operand();
  while (skip_name(is_and ? "and" : "or")) {
    auto node = std::make_unique<Logical>();
    node->is_and = is_and;
    node->left = std::move(left);
    node->right = operand();
    deepen(*node, *node->left);
    deepen(*node, *node->right);
    left = std::move(node);
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!skip_name("not")) return parse_comparison();
  const Nesting nesting(*this);
  auto node = std::make_unique<Unary>();
  node->apply = logical_not;
  node->operand = parse_not();
  deepen(*node, *node->operand);
  return node;
}

ExpressionParser::CompareOp ExpressionParser::next_comparison() {
  static constexpr std::pair<std::string_view, CompareOp> kOps[] = {
      {"==", equals},     {"!=", differs}, {"<", less},
      {"<=", less_equal}, {">", greater},  {">=", greater_equal}};
  for (const auto& [op, compare] : kOps)
    if (skip_op(op)) return compare;
  if (skip_name("in")) return is_in;
  const bool not_in = next_is_name("not") && at_ + 1 < tokens_.size() &&
                      tokens_[at_ + 1].kind == TokenKind::name && tokens_[at_ + 1].text == "in";
  if (!not_in) return nullptr;
  at_ += 2;
  return is_not_in;
}

ExpressionPtr ExpressionParser::parse_comparison() {
  ExpressionPtr first = parse_sum();
  CompareOp compare = next_comparison();
  if (compare == nullptr) return first;
  auto node = std::make_unique<Comparison>();
  node->first = std::move(first);
  deepen(*node, *node->first);
  for (; compare != nullptr; compare = next_comparison()) {
    node->rest.emplace_back(compare, parse_sum());
    deepen(*node, *node->rest.back().second);
  }
  return node;
}

ExpressionPtr ExpressionParser::binary(BinaryOp apply, ExpressionPtr left, ExpressionPtr right) {
  auto node = std::make_unique<Binary>();
  node->apply = apply;
  deepen(*node, *left);
  deepen(*node, *right);
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (next_is_op("+") || next_is_op("-")) {
    const BinaryOp apply = next().text == "+" ? add : subtract;
    left = binary(apply, std::move(left), parse_concatenation());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  ExpressionPtr first = parse_product();
  if (!next_is_op("~")) return first;
  auto node = std::make_unique<Concatenation>();
  deepen(*node, *first);
  node->parts.push_back(std::move(first));
  while (skip_op("~")) {
    node->parts.push_back(parse_product());
    deepen(*node, *node->parts.back());
  }
  return node;
}

ExpressionPtr ExpressionParser::parse_product() {
  static constexpr std::pair<std::string_view, BinaryOp> kOps[] = {
      {"*", multiply}, {"/", divide}, {"//", floor_divide}, {"%", modulo}};
  ExpressionPtr left = parse_power();
  while (true) {
    const auto* op = std::find_if(std::begin(kOps), std::end(kOps),
                                  [&](const auto& row) { return next_is_op(row.first); });
    if (op == std::end(kOps)) return left;
    next();
    left = binary(op->second, std::move(left), parse_power());
  }
}

ExpressionPtr ExpressionParser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  while (skip_op("**")) left = binary(power, std::move(left), parse_unary(true));
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const Nesting nesting(*this);
  ExpressionPtr value;
  if (next_is_op("-") || next_is_op("+")) {
    auto node = std::make_unique<Unary>();
    node->apply = next().text == "-" ? negate : plus;
    node->operand = parse_unary(false);
    deepen(*node, *node->operand);
    value = std::move(node);
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = peek();
  if (token.kind == TokenKind::string) return parse_string();
  if (token.kind == TokenKind::name) {
    const std::string name = next().text;
    if (name == "true" || name == "True") return literal(true);
    if (name == "false" || name == "False") return literal(false);
    if (name == "none" || name == "None") return literal({});
    auto node = std::make_unique<Name>();
    node->name = name;
    return node;
  }
  if (token.kind == TokenKind::integer) {
    int64_t number = 0;
    const auto& text = token.text;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec != std::errc()) fail("the integer " + text + " is beyond 64 bits");
    next();
    return literal(number);
  }
  if (token.kind == TokenKind::floating) {
    double number = 0;
    const auto& text = token.text;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec != std::errc()) fail("the number " + text + " is out of range");
    next();
    return literal(number);
  }
  if (next_is_op("(")) return parse_parentheses();
  if (next_is_op("[")) return parse_list();
  if (next_is_op("{")) return parse_dict();
  fail_expected("an expression");
}

// Strings side by side are one.
ExpressionPtr ExpressionParser::parse_string() {
  std::string text;
  while (peek().kind == TokenKind::string) text += next().text;
  return literal(text);
}

ExpressionPtr ExpressionParser::parse_parentheses() {
  expect_op("(");
  ExpressionPtr value;
  if (next_is_op(")")) {
    auto tuple = std::make_unique<ListLiteral>();
    tuple->is_tuple = true;
    value = std::move(tuple);
  } else {
    value = parse_tuple();
  }
  expect_op(")");
  return value;
}

ExpressionPtr ExpressionParser::parse_list() {
  expect_op("[");
  auto list = std::make_unique<ListLiteral>();
  while (!next_is_op("]")) {
    list->items.push_back(parse_expression());
    deepen(*list, *list->items.back());
    if (!skip_op(",")) break;
  }
  expect_op("]");
  return list;
}

ExpressionPtr ExpressionParser::parse_dict() {
  expect_op("{");
  auto dict = std::make_unique<DictLiteral>();
  while (!next_is_op("}")) {
    ExpressionPtr key = parse_expression();
    expect_op(":");
    dict->items.emplace_back(std::move(key), parse_expression());
    deepen(*dict, *dict->items.back().first);
    deepen(*dict, *dict->items.back().second);
    if (!skip_op(",")) break;
  }
  expect_op("}");
  return dict;
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr object) {
  while (true) {
    if (next_is_op("."))
      object = parse_attribute(std::move(object));
    else if (next_is_op("["))
      object = parse_subscript(std::move(object));
    else if (next_is_op("("))
      object = parse_call(std::move(object));
    else
      return object;
  }
}

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr object) {
  expect_op(".");
  if (peek().kind == TokenKind::integer) {
    auto node = std::make_unique<Subscript>();
    node->key = parse_primary();
    deepen(*node, *object);
    node->object = std::move(object);
    return node;
  }
  auto node = std::make_unique<Attribute>();
  node->name = expect_name("an attribute's name");
  deepen(*node, *object);
  node->object = std::move(object);
  return node;
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  expect_op("[");
  ExpressionPtr parts[3];
  int colons = 0;
  while (!next_is_op("]")) {
    if (skip_op(":")) {
      if (++colons > 2) fail("a slice has at most two colons");
      continue;
    }
    if (parts[colons]) fail_expected("']' or ':'");
    parts[colons] = colons == 0 ? parse_tuple() : parse_expression();
  }
  expect_op("]");
  if (colons == 0 && !parts[0]) fail("empty subscript");
  if (colons == 0) {
    auto node = std::make_unique<Subscript>();
    deepen(*node, *object);
    deepen(*node, *parts[0]);
    node->object = std::move(object);
    node->key = std::move(parts[0]);
    return node;
  }
  auto node = std::make_unique<Slice>();
  deepen(*node, *object);
  for (const auto& part : parts)
    if (part) deepen(*node, *part);
  node->object = std::move(object);
  node->start = std::move(parts[0]);
  node->stop = std::move(parts[1]);
  node->step = std::move(parts[2]);
  return node;
}

CallArguments ExpressionParser::parse_call_arguments() {
  CallArguments arguments;
  expect_op("(");
  while (!next_is_op(")")) {
    if (next_is_op("*") || next_is_op("**")) fail("* and ** in a call are not supported");
    const bool named = peek().kind == TokenKind::name && tokens_[at_ + 1].kind == TokenKind::op &&
                       tokens_[at_ + 1].text == "=";
    if (named) {
      const std::string name = next().text;
      expect_op("=");
      arguments.named.emplace_back(name, parse_expression());
    } else {
      if (!arguments.named.empty()) fail("an argument without name follows one with a name");
      arguments.values.push_back(parse_expression());
    }
    if (!skip_op(",")) break;
  }
  expect_op(")");
  return arguments;
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr function) {
  auto node = std::make_unique<Call>();
  node->arguments = parse_call_arguments();
  deepen(*node, *function);
  node->function = std::move(function);
  for (const auto& value : node->arguments.values) deepen(*node, *value);
  for (const auto& [name, value] : node->arguments.named) deepen(*node, *value);
  return node;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr object) {
  while (true) {
    if (skip_op("|")) {
      auto node = std::make_unique<Filter>();
      node->name = expect_name("a filter's name");
      if (next_is_op("(")) node->arguments = parse_call_arguments();
      deepen(*node, *object);
      for (const auto& value : node->arguments.values) deepen(*node, *value);
      for (const auto& [name, value] : node->arguments.named) deepen(*node, *value);
      node->object = std::move(object);
      object = std::move(node);
    } else if (skip_name("is")) {
      object = parse_test(std::move(object));
    } else if (next_is_op("(")) {
      object = parse_call(std::move(object));
    } else {
      return object;
    }
  }
}

// "x is divisibleby 3": a test's one argument needs no parentheses.
bool ExpressionParser::at_test_argument() const {
  if (peek().kind == TokenKind::name)
    return !next_is_name("else") && !next_is_name("or") && !next_is_name("and") &&
           !next_is_name("if") && !next_is_name("is") && !next_is_name("in") &&
           !next_is_name("not");
  return peek().kind == TokenKind::string || peek().kind == TokenKind::integer ||
         peek().kind == TokenKind::floating || next_is_op("[") || next_is_op("{");
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr object) {
  auto node = std::make_unique<Test>();
  node->negated = skip_name("not");
  node->name = expect_name("a test's name");
  if (next_is_op("(")) {
    node->arguments = parse_call_arguments();
  } else if (at_test_argument()) {
    node->arguments.values.push_back(parse_postfix(parse_primary()));
  }
  deepen(*node, *object);
  for (const auto& value : node->arguments.values) deepen(*node, *value);
  node->object = std::move(object);
  return node;
}

}  // namespace troupe::jinja
