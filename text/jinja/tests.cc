#include <map>

#include "text/jinja/library.h"
#include "text/jinja/operators.h"
#include "text/normalizer.h"

namespace troupe::jinja {
namespace {

using TestFunction = bool (*)(const Value&, const Arguments&);

const Value& other(const Arguments& arguments) {
  return required(arguments, 0, "other");
}

bool is_sequence(const Value& v) {
  return v.string() || v.list() || v.dict();
}

const std::map<std::string, TestFunction>& tests() {
  static const std::map<std::string, TestFunction> kTests = {
      {"defined", [](const Value& v, const Arguments&) { return !v.is_undefined(); }},
      {"undefined", [](const Value& v, const Arguments&) { return v.is_undefined(); }},
      {"none", [](const Value& v, const Arguments&) { return v.is_none(); }},
      {"string", [](const Value& v, const Arguments&) { return v.is_string(); }},
      {"mapping", [](const Value& v, const Arguments&) { return v.dict() != nullptr; }},
      {"sequence", [](const Value& v, const Arguments&) { return is_sequence(v); }},
      {"iterable",
       [](const Value& v, const Arguments&) { return is_sequence(v) || v.is_undefined(); }},
      {"number", [](const Value& v, const Arguments&) { return v.is_number(); }},
      {"integer", [](const Value& v, const Arguments&) { return v.is<int64_t>(); }},
      {"float", [](const Value& v, const Arguments&) { return v.is<double>(); }},
      {"boolean", [](const Value& v, const Arguments&) { return v.is<bool>(); }},
      {"true", [](const Value& v, const Arguments&) { return v.is<bool>() && v.as_bool(); }},
      {"false", [](const Value& v, const Arguments&) { return v.is<bool>() && !v.as_bool(); }},
      {"callable", [](const Value& v, const Arguments&) { return v.function() != nullptr; }},
      {"odd", [](const Value& v, const Arguments&) { return v.to_int() % 2 != 0; }},
      {"even", [](const Value& v, const Arguments&) { return v.to_int() % 2 == 0; }},
      {"divisibleby",
       [](const Value& v, const Arguments& a) { return modulo(v, other(a)).to_int() == 0; }},
      {"lower",
       [](const Value& v, const Arguments&) { return to_lower(v.str()) == v.str() && v.truth(); }},
      {"upper",
       [](const Value& v, const Arguments&) { return to_upper(v.str()) == v.str() && v.truth(); }},
      {"in", [](const Value& v, const Arguments& a) { return contains(other(a), v); }},
      {"eq", [](const Value& v, const Arguments& a) { return equal(v, other(a)); }},
      {"equalto", [](const Value& v, const Arguments& a) { return equal(v, other(a)); }},
      {"sameas",
       [](const Value& v, const Arguments& a) {
         return v.type_name() == other(a).type_name() && equal(v, other(a));
       }},
      {"ne", [](const Value& v, const Arguments& a) { return !equal(v, other(a)); }},
      {"lt", [](const Value& v, const Arguments& a) { return compare(v, other(a)) < 0; }},
      {"le", [](const Value& v, const Arguments& a) { return compare(v, other(a)) <= 0; }},
      {"gt", [](const Value& v, const Arguments& a) { return compare(v, other(a)) > 0; }},
      {"ge", [](const Value& v, const Arguments& a) { return compare(v, other(a)) >= 0; }},
  };
  return kTests;
}

}  // namespace

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments) {
  const auto test = tests().find(name);
  if (test == tests().end()) throw Error("no test named '" + name + "'");
  return test->second(value, arguments);
}

}  // namespace troupe::jinja
