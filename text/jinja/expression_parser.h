// The expression half of the parser: precedence as in Jinja, from "x if c else y" down to literals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/nodes.h"

namespace troupe::jinja {

class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // What stands in {{ }}: one expression, or several with commas between, which make a tuple.
  ExpressionPtr parse_tuple(bool with_condition = true);
  ExpressionPtr parse_expression(bool with_condition = true);
  CallArguments parse_call_arguments();

  const Token& peek() const { return tokens_[at_]; }
  Token next();
  bool next_is_op(std::string_view op) const;
  bool next_is_name(std::string_view name) const;
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_op(std::string_view op);
  std::string expect_name(const char* what);
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail_expected(const std::string& what) const;

  // Counts how deep the parser calls itself; throws beyond the limit.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser);
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  using BinaryOp = Value (*)(const Value&, const Value&);
  using CompareOp = bool (*)(const Value&, const Value&);

  ExpressionPtr parse_logical(bool is_and);
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  CompareOp next_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_string();
  ExpressionPtr parse_parentheses();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr object);
  ExpressionPtr parse_attribute(ExpressionPtr object);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr function);
  ExpressionPtr parse_filters(ExpressionPtr object);
  ExpressionPtr parse_test(ExpressionPtr object);
  ExpressionPtr binary(BinaryOp apply, ExpressionPtr left, ExpressionPtr right);
  void deepen(Expression& node, const Expression& child) const;
  bool at_test_argument() const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace troupe::jinja
