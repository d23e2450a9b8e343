#include "text/jinja/parser.h"

#include <algorithm>
#include <map>

#include "text/jinja/expression_parser.h"

namespace troupe::jinja {
namespace {

class Parser : ExpressionParser {
 public:
  explicit Parser(std::vector<Token> tokens) : ExpressionParser(std::move(tokens)) {}

  Block parse() {
    Block block = parse_block({});
    if (peek().kind != TokenKind::end) fail("unexpected end tag");
    return block;
  }

 private:
  using TagParser = std::unique_ptr<Statement> (Parser::*)();
  using Names = std::vector<std::string_view>;

  // Statements up to a tag of one of these names, whose "{%" and name are consumed too; the name
  // is left in ended_by_. Without names: up to the end of the template.
  Block parse_block(const Names& ends) {
    const Nesting nesting(*this);
    const int begin = peek().line;
    Block block;
    while (peek().kind != TokenKind::end) {
      const int line = peek().line;
      auto statement = parse_statement(ends);
      if (!statement) return block;
      statement->line = line;
      block.push_back(std::move(statement));
    }
    if (!ends.empty())
      throw LineError("line " + std::to_string(begin) + ": the tag before has no '" +
                      std::string(ends.back()) + "'");
    return block;
  }

  std::unique_ptr<Statement> parse_statement(const Names& ends) {
    const Token token = next();
    if (token.kind == TokenKind::text) {
      auto text = std::make_unique<Text>();
      text->text = token.text;
      return text;
    }
    if (token.kind == TokenKind::variable_begin) return parse_print();
    const std::string name = expect_name("a tag's name");
    if (std::find(ends.begin(), ends.end(), name) != ends.end()) {
      ended_by_ = name;
      return nullptr;
    }
    return parse_tag(name, ends);
  }

  std::unique_ptr<Statement> parse_print() {
    auto print = std::make_unique<Print>();
    print->value = parse_tuple();
    if (peek().kind != TokenKind::variable_end) fail_expected("'}}'");
    next();
    return print;
  }

  std::unique_ptr<Statement> parse_tag(const std::string& name, const Names& ends) {
    static const std::map<std::string, TagParser> kTags = {
        {"if", &Parser::parse_if},
        {"for", &Parser::parse_for},
        {"set", &Parser::parse_set},
        {"macro", &Parser::parse_macro},
        {"with", &Parser::parse_with},
        {"generation", &Parser::parse_generation},
        {"filter", &Parser::parse_filter},
        {"break", &Parser::parse_break},
        {"continue", &Parser::parse_continue}};
    const auto tag = kTags.find(name);
    if (tag != kTags.end()) return (this->*tag->second)();
    std::string expected = ends.empty() ? "" : "; expected '" + std::string(ends.back()) + "'";
    fail("unknown or unsupported tag '" + name + "'" + expected);
  }

  void end_tag() {
    if (peek().kind != TokenKind::block_end) fail_expected("'%}'");
    next();
  }

  Block parse_body(const Names& ends) {
    end_tag();
    return parse_block(ends);
  }

  std::unique_ptr<Statement> parse_if() {
    auto node = std::make_unique<If>();
    do {
      ExpressionPtr condition = parse_tuple();
      node->branches.emplace_back(std::move(condition), parse_body({"elif", "else", "endif"}));
    } while (ended_by_ == "elif");
    if (ended_by_ == "else") node->otherwise = parse_body({"endif"});
    end_tag();
    return node;
  }

  std::string parse_variable() {
    std::string name = expect_name("a variable's name");
    for (const char* word : {"true", "false", "none", "True", "False", "None", "loop"})
      if (name == word) fail("'" + name + "' cannot be assigned");
    return name;
  }

  Target parse_target() {
    Target target;
    const bool parentheses = skip_op("(");
    target.names.push_back(parse_variable());
    if (skip_op(".")) {
      target.attribute = expect_name("an attribute's name");
      return target;
    }
    while (skip_op(",")) {
      target.is_tuple = true;
      if (peek().kind != TokenKind::name || next_is_name("in")) break;
      target.names.push_back(parse_variable());
    }
    if (parentheses) expect_op(")");
    return target;
  }

  std::unique_ptr<Statement> parse_for() {
    auto node = std::make_unique<For>();
    node->target = parse_target();
    if (!node->target.attribute.empty()) fail("a loop cannot assign an attribute");
    if (!skip_name("in")) fail_expected("'in'");
    node->iterable = parse_tuple(false);
    if (skip_name("if")) node->condition = parse_expression();
    if (next_is_name("recursive")) fail("recursive loops are not supported");
    ++loops_;
    node->body = parse_body({"else", "endfor"});
    --loops_;
    if (ended_by_ == "else") node->otherwise = parse_body({"endfor"});
    end_tag();
    return node;
  }

  std::unique_ptr<Statement> parse_set() {
    auto node = std::make_unique<Set>();
    node->target = parse_target();
    if (skip_op("=")) {
      node->value = parse_tuple();
      end_tag();
      return node;
    }
    if (next_is_op("|")) fail("filters on a {% set %} block are not supported");
    node->body = without_loop({"endset"});
    end_tag();
    return node;
  }

  // A body that break and continue do not leave.
  Block without_loop(const Names& ends) {
    const int loops = std::exchange(loops_, 0);
    Block body = parse_body(ends);
    loops_ = loops;
    return body;
  }

  std::unique_ptr<Statement> parse_macro() {
    auto node = std::make_unique<Macro>();
    node->name = expect_name("the macro's name");
    expect_op("(");
    while (!next_is_op(")")) {
      std::string name = parse_variable();
      ExpressionPtr otherwise = skip_op("=") ? parse_expression() : nullptr;
      node->parameters.emplace_back(std::move(name), std::move(otherwise));
      if (!skip_op(",")) break;
    }
    expect_op(")");
    node->body = without_loop({"endmacro"});
    skip_name(node->name);
    end_tag();
    return node;
  }

  std::unique_ptr<Statement> parse_with() {
    auto node = std::make_unique<With>();
    while (peek().kind != TokenKind::block_end) {
      std::string name = parse_variable();
      expect_op("=");
      node->variables.emplace_back(std::move(name), parse_expression());
      if (!skip_op(",")) break;
    }
    node->body = parse_body({"endwith"});
    end_tag();
    return node;
  }

  // HF's marker of what the assistant said: it prints its body.
  std::unique_ptr<Statement> parse_generation() {
    auto node = std::make_unique<With>();
    node->body = parse_body({"endgeneration"});
    end_tag();
    return node;
  }

  std::unique_ptr<Statement> parse_filter() {
    auto node = std::make_unique<FilterBlock>();
    node->name = expect_name("a filter's name");
    if (next_is_op("(")) node->arguments = parse_call_arguments();
    node->body = without_loop({"endfilter"});
    end_tag();
    return node;
  }

  std::unique_ptr<Statement> parse_loop_control(Flow flow) {
    if (loops_ == 0) fail("break or continue outside of a loop");
    auto node = std::make_unique<LoopControl>();
    node->flow = flow;
    end_tag();
    return node;
  }
  std::unique_ptr<Statement> parse_break() { return parse_loop_control(Flow::break_loop); }
  std::unique_ptr<Statement> parse_continue() { return parse_loop_control(Flow::continue_loop); }

  std::string ended_by_;
  int loops_ = 0;
};

}  // namespace

Block parse_template(std::string_view source) {
  return Parser(tokenize_template(source)).parse();
}

}  // namespace troupe::jinja
