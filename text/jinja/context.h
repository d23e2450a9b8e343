// The state of one rendering: variables in scope, the text so far, and how much work is left.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace troupe::jinja {

// An Error that already tells its line.
class LineError : public Error {
 public:
  using Error::Error;
};

// A for, macro or with opens a scope; an if does not.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> variables;
  const Value* find(const std::string& name) const;  // here or further out; nullptr if nowhere
  void set(const std::string& name, Value value);    // here
};

struct Context {
  std::shared_ptr<Scope> scope;
  std::string out;
  int64_t steps = 0;
  int depth = 0;

  void print(const std::string& text);
};

// Counts one step of work and one level of the stack while it lives; throws beyond the limits.
class Step {
 public:
  explicit Step(Context& context);
  ~Step() { --context_.depth; }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  Context& context_;
};

// Opens a scope on top of `parent` and closes it at its own end.
class ScopeGuard {
 public:
  ScopeGuard(Context& context, std::shared_ptr<Scope> parent)
      : context_(context), outer_(context.scope) {
    context.scope = std::make_shared<Scope>(Scope{std::move(parent), {}});
  }
  explicit ScopeGuard(Context& context) : ScopeGuard(context, context.scope) {}
  ~ScopeGuard() { context_.scope = outer_; }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  Context& context_;
  std::shared_ptr<Scope> outer_;
};

}  // namespace troupe::jinja
