// What a Jinja expression evaluates to: Python's values as far as chat templates meet them. Lists
// and dicts are shared, as in Python.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace troupe::jinja {

class Value;

struct Undefined {
  std::string name;  // for the error that using it raises
};
struct None {};
// The limits that keep a template, however it is made, from exhausting memory or the stack.
constexpr int kDeepestValue = 100;
constexpr int kNamespaceDepth = 100;  // so that no namespace holds another
constexpr size_t kLargestText = size_t{1} << 26;
constexpr size_t kLongestList = 1'000'000;
void check_text_size(size_t bytes);
void check_list_size(size_t items);

struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  int depth = 1;
};
struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in order of insertion
  bool is_namespace = false;
  int depth = 1;
  const Value* find(const Value& key) const;
  void set(const Value& key, Value value);
};

// Arguments of a call: by place and by name.
struct Arguments {
  std::vector<Value> values;
  std::vector<std::pair<std::string, Value>> named;
  // The argument at `place` or of that name, else nullptr.
  const Value* find(size_t place, std::string_view name) const;
};

struct Function {
  std::string name;
  std::function<Value(const Arguments&)> call;
};

class Value {
 public:
  using Variant =
      std::variant<Undefined, None, bool, int64_t, double, std::string, std::shared_ptr<List>,
                   std::shared_ptr<Dict>, std::shared_ptr<const Function>>;
  Value() : data_(None{}) {}
  Value(Undefined v) : data_(std::move(v)) {}
  Value(bool v) : data_(v) {}
  Value(int64_t v) : data_(v) {}
  Value(double v) : data_(v) {}
  Value(std::string v) : data_(std::move(v)) {}
  Value(std::string_view v) : data_(std::string(v)) {}
  Value(const char* v) : data_(std::string(v)) {}
  Value(List v);  // throws where nested too deep
  Value(Dict v);
  Value(Function v) : data_(std::make_shared<const Function>(std::move(v))) {}

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_string() const { return is<std::string>(); }
  bool is_number() const { return is<bool>() || is<int64_t>() || is<double>(); }
  const std::string* string() const { return std::get_if<std::string>(&data_); }
  const List* list() const;
  Dict* dict() const;
  const Function* function() const;
  const Undefined* undefined() const { return std::get_if<Undefined>(&data_); }

  int depth() const;  // 0 for scalars, 1 for a list of scalars ...
  bool truth() const;
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t to_int() const;    // bool or int; otherwise throws
  double to_double() const;  // any number; otherwise throws

  std::string type_name() const;  // Python's: "str", "int", "dict" ...
  std::string str() const;        // Python's str(): what {{ }} prints
  std::string repr() const;       // Python's repr()

  static Value from_json(const nlohmann::ordered_json& json);

 private:
  Variant data_;
};

bool equal(const Value& a, const Value& b);   // 1 == 1.0 == true, as in Python
int compare(const Value& a, const Value& b);  // -1, 0, 1; throws where Python has no order

// Items of a list, characters of a string, keys of a dict; nothing for undefined; else throws.
std::vector<Value> iterate(const Value& value);

// Throws where something undefined is used as if it were there.
void require_defined(const Value& value);

std::string float_repr(double value);
std::string string_repr(const std::string& text);

// json.dumps(value, ensure_ascii=False, indent=indent); no indent where it is below 0.
std::string to_json(const Value& value, int indent);

}  // namespace troupe::jinja
