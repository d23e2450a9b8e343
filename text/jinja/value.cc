#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "text/utf8.h"

namespace troupe::jinja {
namespace {

constexpr int64_t kMostComparisons = 10'000'000;

[[noreturn]] void too_deep() {
  throw Error("values are nested more than " + std::to_string(kDeepestValue) + " deep");
}

// Shared parts can make a value with exponentially many leaves; `steps` bounds the walk.
void take_step(int64_t& steps) {
  if (++steps > kMostComparisons) throw Error("a comparison of nested values takes too long");
}

bool equal_at(const Value& a, const Value& b, int64_t& steps);

bool equal_lists(const List& a, const List& b, int64_t& steps) {
  if (a.is_tuple != b.is_tuple || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!equal_at(a.items[i], b.items[i], steps)) return false;
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, int64_t& steps) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal_at(value, *other, steps)) return false;
  }
  return true;
}

bool equal_at(const Value& a, const Value& b, int64_t& steps) {
  take_step(steps);
  if (a.is_number() && b.is_number()) {
    if (a.is<double>() || b.is<double>()) return a.to_double() == b.to_double();
    return a.to_int() == b.to_int();
  }
  if (a.string() && b.string()) return *a.string() == *b.string();
  if (a.list() && b.list()) return a.list() == b.list() || equal_lists(*a.list(), *b.list(), steps);
  if (a.dict() && b.dict()) return a.dict() == b.dict() || equal_dicts(*a.dict(), *b.dict(), steps);
  if (a.function() && b.function()) return a.function() == b.function();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

template <class T>
int sign_of(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int compare_at(const Value& a, const Value& b, int64_t& steps) {
  take_step(steps);
  if (a.is_number() && b.is_number()) {
    if (a.is<double>() || b.is<double>()) return sign_of(a.to_double(), b.to_double());
    return sign_of(a.to_int(), b.to_int());
  }
  if (a.string() && b.string()) return sign_of(*a.string(), *b.string());
  if (a.list() && b.list()) {
    const auto& x = a.list()->items;
    const auto& y = b.list()->items;
    for (size_t i = 0; i < x.size() && i < y.size(); ++i)
      if (int order = compare_at(x[i], y[i], steps)) return order;
    return sign_of(x.size(), y.size());
  }
  require_defined(a);
  require_defined(b);
  throw Error("cannot order " + a.type_name() + " and " + b.type_name());
}

Value from_json_at(const nlohmann::ordered_json& json, int depth) {
  if (depth > kDeepestValue) too_deep();
  if (json.is_object()) {
    Dict dict;
    for (const auto& [key, value] : json.items())
      dict.items.emplace_back(key, from_json_at(value, depth + 1));
    return dict;
  }
  if (json.is_array()) {
    List list;
    for (const auto& item : json) list.items.push_back(from_json_at(item, depth + 1));
    return list;
  }
  if (json.is_string()) return json.get<std::string>();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_number()) return json.get<int64_t>();
  return {};
}

}  // namespace

void check_text_size(size_t bytes) {
  if (bytes > kLargestText)
    throw Error("a text of " + std::to_string(bytes) + " bytes is too large; at most " +
                std::to_string(kLargestText) + " are allowed");
}

void check_list_size(size_t items) {
  if (items > kLongestList)
    throw Error("a list of " + std::to_string(items) + " items is too long; at most " +
                std::to_string(kLongestList) + " are allowed");
}

Value::Value(List v) {
  check_list_size(v.items.size());
  for (const Value& item : v.items) v.depth = std::max(v.depth, item.depth() + 1);
  if (v.depth > kDeepestValue + 1) too_deep();
  data_ = std::make_shared<List>(std::move(v));
}

Value::Value(Dict v) {
  for (const auto& [key, value] : v.items) v.depth = std::max(v.depth, value.depth() + 1);
  if (v.is_namespace && v.depth > kNamespaceDepth) too_deep();
  if (v.is_namespace) v.depth = kNamespaceDepth;
  if (v.depth > kDeepestValue + 1) too_deep();
  data_ = std::make_shared<Dict>(std::move(v));
}

int Value::depth() const {
  return list() ? list()->depth : dict() ? dict()->depth : 0;
}

const Value* Dict::find(const Value& key) const {
  for (const auto& [name, value] : items)
    if (equal(name, key)) return &value;
  return nullptr;
}

void Dict::set(const Value& key, Value value) {
  if (is_namespace && value.depth() >= kNamespaceDepth) too_deep();
  if (const Value* place = find(key))
    *const_cast<Value*>(place) = std::move(value);
  else
    items.emplace_back(key, std::move(value));
}

const Value* Arguments::find(size_t place, std::string_view name) const {
  if (place < values.size()) return &values[place];
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

const List* Value::list() const {
  const auto* pointer = std::get_if<std::shared_ptr<List>>(&data_);
  return pointer ? pointer->get() : nullptr;
}

Dict* Value::dict() const {
  const auto* pointer = std::get_if<std::shared_ptr<Dict>>(&data_);
  return pointer ? pointer->get() : nullptr;
}

const Function* Value::function() const {
  const auto* pointer = std::get_if<std::shared_ptr<const Function>>(&data_);
  return pointer ? pointer->get() : nullptr;
}

bool Value::truth() const {
  if (is<bool>()) return as_bool();
  if (is_number()) return to_double() != 0;
  if (string()) return !string()->empty();
  if (list()) return !list()->items.empty();
  if (dict()) return dict()->is_namespace || !dict()->items.empty();
  return function() != nullptr;
}

int64_t Value::to_int() const {
  if (is<bool>()) return as_bool();
  if (const auto* value = std::get_if<int64_t>(&data_)) return *value;
  require_defined(*this);
  throw Error("expected an integer, found " + type_name() + " " + repr());
}

double Value::to_double() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (is_number()) return static_cast<double>(to_int());
  require_defined(*this);
  throw Error("expected a number, found " + type_name() + " " + repr());
}

std::string Value::type_name() const {
  static constexpr const char* kNames[] = {"undefined", "NoneType", "bool", "int",     "float",
                                           "str",       "list",     "dict", "function"};
  if (list() && list()->is_tuple) return "tuple";
  if (dict() && dict()->is_namespace) return "namespace";
  return kNames[data_.index()];
}

Value Value::from_json(const nlohmann::ordered_json& json) {
  return from_json_at(json, 0);
}

bool equal(const Value& a, const Value& b) {
  int64_t steps = 0;
  return equal_at(a, b, steps);
}

int compare(const Value& a, const Value& b) {
  int64_t steps = 0;
  return compare_at(a, b, steps);
}

std::vector<Value> iterate(const Value& value) {
  if (value.is_undefined()) return {};
  if (value.list()) return value.list()->items;
  std::vector<Value> items;
  if (const std::string* text = value.string()) {
    for (char32_t c : code_points(*text)) items.emplace_back(to_utf8({c}));
    return items;
  }
  if (!value.dict() || value.dict()->is_namespace)
    throw Error("cannot iterate over " + value.type_name());
  for (const auto& [key, unused] : value.dict()->items) items.push_back(key);
  return items;
}

void require_defined(const Value& value) {
  if (value.is_undefined())
    throw Error(value.undefined()->name.empty() ? "an undefined value is used"
                                                : value.undefined()->name + " is undefined");
}

}  // namespace troupe::jinja
