#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "text/jinja/library.h"
#include "text/jinja/operators.h"
#include "text/jinja/strings.h"
#include "text/normalizer.h"
#include "text/utf8.h"

namespace troupe::jinja {
namespace {

using FilterFunction = Value (*)(const Value&, const Arguments&);

// The attribute of an item, as map(attribute="a.b") and its kin name it.
Value attribute_of(Value value, const std::string& path) {
  for (const std::string& part : split(path, ".", -1)) value = subscript(value, part);
  return value;
}

List list_of(std::vector<Value> items) {
  List list;
  list.items = std::move(items);
  return list;
}

Value call_method(const char* name, const Value& value, const Arguments& arguments) {
  require_defined(value);
  return find_method(value.str(), name).function()->call(arguments);
}

Value trim(const Value& value, const Arguments& a) {
  const Value text = value.str();
  return find_method(text, "strip").function()->call(a);
}

Value length(const Value& value, const Arguments&) {
  if (value.dict()) return static_cast<int64_t>(value.dict()->items.size());
  if (value.list()) return static_cast<int64_t>(value.list()->items.size());
  if (value.string()) return static_cast<int64_t>(code_points(*value.string()).size());
  if (value.is_undefined()) return int64_t{0};
  throw Error("length: a " + value.type_name() + " has none");
}

Value default_value(const Value& value, const Arguments& a) {
  const bool use =
      value.is_undefined() || (bool_argument(a, 1, "boolean", false) && !value.truth());
  const Value* otherwise = a.find(0, "default_value");
  return !use ? value : otherwise ? *otherwise : Value("");
}

Value join(const Value& value, const Arguments& a) {
  const Value* separator = a.find(0, "d");
  const Value* attribute = a.find(1, "attribute");
  std::string text;
  bool first = true;
  for (const Value& item : iterate(value)) {
    if (!first && separator) text += separator->str();
    first = false;
    text += (attribute ? attribute_of(item, attribute->str()) : item).str();
    check_text_size(text.size());
  }
  return text;
}

Value first(const Value& value, const Arguments&) {
  const auto items = iterate(value);
  return items.empty() ? Value(Undefined{"the first of no items"}) : items.front();
}

Value last(const Value& value, const Arguments&) {
  const auto items = iterate(value);
  return items.empty() ? Value(Undefined{"the last of no items"}) : items.back();
}

Value to_json_text(const Value& value, const Arguments& a) {
  const int64_t indent = int_argument(a, 1, "indent", -1);
  if (indent > 100) throw Error("tojson: an indent above 100");
  require_defined(value);
  const Value* only = a.values.size() == 1 ? &a.values[0] : nullptr;
  return to_json(value, static_cast<int>(only && only->is<int64_t>() ? only->to_int() : indent));
}

Value to_integer(const Value& value, const Arguments& a) {
  const int64_t otherwise = int_argument(a, 0, "default", 0);
  if (value.is<double>()) {
    const double number = value.to_double();
    return std::fabs(number) < 9e18 ? static_cast<int64_t>(number) : otherwise;
  }
  if (value.is_number()) return value.to_int();
  if (!value.string()) return otherwise;
  std::string_view text = strip_left(strip_right(*value.string()));
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  int64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto as_int = std::from_chars(text.data(), end, whole);
  if (as_int.ec == std::errc() && as_int.ptr == end) return whole;
  const auto as_float = std::from_chars(text.data(), end, number);
  const bool fits = as_float.ec == std::errc() && as_float.ptr == end && std::fabs(number) < 9e18;
  return fits ? static_cast<int64_t>(number) : otherwise;
}

Value to_floating(const Value& value, const Arguments& a) {
  const Value* given = a.find(0, "default");
  const double otherwise = given ? given->to_double() : 0.0;
  if (value.is_number()) return value.to_double();
  if (!value.string()) return otherwise;
  const std::string_view text = strip_left(strip_right(*value.string()));
  double number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? number : otherwise;
}

Value items(const Value& value, const Arguments& a) {
  if (value.is_undefined()) return List{};
  if (!value.dict()) throw Error("items: expected a mapping, found " + value.type_name());
  return find_method(value, "items").function()->call(a);
}

Value absolute(const Value& value, const Arguments&) {
  if (value.is<double>()) return std::fabs(value.to_double());
  return value.to_int() < 0 ? negate(value) : Value(value.to_int());
}

Value reverse(const Value& value, const Arguments&) {
  auto items = iterate(value);
  std::reverse(items.begin(), items.end());
  if (!value.string()) return list_of(std::move(items));
  std::string text;
  for (const Value& item : items) text += *item.string();
  return text;
}

Value sorting_key(const Value& item, const Value* attribute, bool case_sensitive) {
  const Value key = attribute ? attribute_of(item, attribute->str()) : item;
  return key.string() && !case_sensitive ? Value(to_lower(*key.string())) : key;
}

Value sort(const Value& value, const Arguments& a) {
  const bool down = bool_argument(a, 0, "reverse", false);
  const bool case_sensitive = bool_argument(a, 1, "case_sensitive", false);
  const Value* attribute = a.find(2, "attribute");
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : iterate(value))
    keyed.emplace_back(sorting_key(item, attribute, case_sensitive), item);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& x, const auto& y) {
    const int order = compare(x.first, y.first);
    return down ? order > 0 : order < 0;
  });
  List list;
  for (auto& [key, item] : keyed) list.items.push_back(std::move(item));
  return list;
}

Value dict_sort(const Value& value, const Arguments& a) {
  Arguments by_key = a;
  by_key.values = {bool_argument(a, 2, "reverse", false),
                   bool_argument(a, 0, "case_sensitive", false), int64_t{0}};
  List pairs;
  for (const Value& pair : iterate(items(value, {}))) pairs.items.push_back(pair);
  std::stable_sort(pairs.items.begin(), pairs.items.end(), [&](const Value& x, const Value& y) {
    const bool sensitive = by_key.values[1].truth();
    return compare(sorting_key(x.list()->items[0], nullptr, sensitive),
                   sorting_key(y.list()->items[0], nullptr, sensitive)) < 0;
  });
  return by_key.values[0].truth() ? reverse(pairs, {}) : Value(std::move(pairs));
}

Value unique(const Value& value, const Arguments&) {
  List list;
  std::vector<Value> seen;
  for (const Value& item : iterate(value)) {
    const Value key = sorting_key(item, nullptr, false);
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& v) { return equal(v, key); }))
      continue;
    seen.push_back(key);
    list.items.push_back(item);
  }
  return list;
}

// The arguments after the first `count`.
Arguments rest_of(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.values.erase(rest.values.begin(), rest.values.begin() + static_cast<int64_t>(std::min(
                                                                   count, rest.values.size())));
  return rest;
}

Value map(const Value& value, const Arguments& a) {
  const Value* attribute = a.find(a.values.size(), "attribute");
  const Value* otherwise = a.find(a.values.size(), "default");
  List list;
  for (const Value& item : iterate(value)) {
    if (!attribute) {
      list.items.push_back(apply_filter(string_argument(a, 0, "filter"), item, rest_of(a, 1)));
      continue;
    }
    const Value found = attribute_of(item, attribute->str());
    list.items.push_back(found.is_undefined() && otherwise ? *otherwise : found);
  }
  return list;
}

Value choose(const Value& value, const Arguments& a, bool by_attribute, bool keep) {
  const size_t test_place = by_attribute ? 1 : 0;
  List list;
  for (const Value& item : iterate(value)) {
    const Value tested =
        by_attribute ? attribute_of(item, string_argument(a, 0, "attribute")) : item;
    const bool holds = a.values.size() <= test_place
                           ? tested.truth()
                           : apply_test(string_argument(a, test_place, "test"), tested,
                                        rest_of(a, test_place + 1));
    if (holds == keep) list.items.push_back(item);
  }
  return list;
}

Value extreme(const Value& value, const Arguments&, int sign) {
  const auto items = iterate(value);
  if (items.empty()) return Undefined{"the extreme of no items"};
  return *std::max_element(items.begin(), items.end(), [&](const Value& x, const Value& y) {
    return sign * compare(x, y) < 0;
  });
}

Value sum(const Value& value, const Arguments& a) {
  const Value* attribute = a.find(0, "attribute");
  Value total = int64_t{0};
  for (const Value& item : iterate(value))
    total = add(total, attribute ? attribute_of(item, attribute->str()) : item);
  return total;
}

Value round(const Value& value, const Arguments& a) {
  const auto digits = static_cast<double>(int_argument(a, 0, "precision", 0));
  const double scale = std::pow(10.0, digits);
  return std::nearbyint(value.to_double() * scale) / scale;
}

// Every line but the first, and but empty ones, gets the indentation.
Value indent(const Value& value, const Arguments& a) {
  const Value* given = a.find(0, "width");
  const int64_t width = given && given->is_number() ? given->to_int() : 4;
  if (width < 0 || width > 1000) throw Error("indent: the width is not between 0 and 1000");
  const std::string space =
      given && given->string() ? *given->string() : std::string(static_cast<size_t>(width), ' ');
  const bool first_too = bool_argument(a, 1, "first", false);
  const bool blank_too = bool_argument(a, 2, "blank", false);
  std::string text;
  bool is_first = true;
  for (const std::string& line : split(value.str(), "\n", -1)) {
    if (!is_first) text += '\n';
    if (is_first ? first_too : blank_too || !line.empty()) text += space;
    is_first = false;
    text += line;
    check_text_size(text.size());
  }
  return text;
}

Value escape(const Value& value, const Arguments&) {
  std::string text = replace(value.str(), "&", "&amp;");
  for (const auto& [from, to] :
       {std::pair{"<", "&lt;"}, {">", "&gt;"}, {"'", "&#39;"}, {"\"", "&#34;"}})
    text = replace(text, from, to);
  return text;
}

const std::map<std::string, FilterFunction>& filters() {
  static const std::map<std::string, FilterFunction> kFilters = {
      {"trim", trim},
      {"length", length},
      {"count", length},
      {"default", default_value},
      {"d", default_value},
      {"join", join},
      {"first", first},
      {"last", last},
      {"tojson", to_json_text},
      {"int", to_integer},
      {"float", to_floating},
      {"items", items},
      {"abs", absolute},
      {"reverse", reverse},
      {"sort", sort},
      {"dictsort", dict_sort},
      {"unique", unique},
      {"map", map},
      {"sum", sum},
      {"round", round},
      {"indent", indent},
      {"escape", escape},
      {"e", escape},
      {"list", [](const Value& v, const Arguments&) -> Value { return list_of(iterate(v)); }},
      {"string", [](const Value& v, const Arguments&) -> Value { return v.str(); }},
      {"safe", [](const Value& v, const Arguments&) -> Value { return v.str(); }},
      {"upper", [](const Value& v, const Arguments&) -> Value { return to_upper(v.str()); }},
      {"lower", [](const Value& v, const Arguments&) -> Value { return to_lower(v.str()); }},
      {"capitalize", [](const Value& v, const Arguments&) -> Value { return capitalize(v.str()); }},
      {"title", [](const Value& v, const Arguments&) -> Value { return title(v.str()); }},
      {"replace",
       [](const Value& v, const Arguments& a) { return call_method("replace", v.str(), a); }},
      {"attr", [](const Value& v,
                  const Arguments& a) { return subscript(v, string_argument(a, 0, "name")); }},
      {"select", [](const Value& v, const Arguments& a) { return choose(v, a, false, true); }},
      {"reject", [](const Value& v, const Arguments& a) { return choose(v, a, false, false); }},
      {"selectattr", [](const Value& v, const Arguments& a) { return choose(v, a, true, true); }},
      {"rejectattr", [](const Value& v, const Arguments& a) { return choose(v, a, true, false); }},
      {"min", [](const Value& v, const Arguments& a) { return extreme(v, a, -1); }},
      {"max", [](const Value& v, const Arguments& a) { return extreme(v, a, 1); }},
  };
  return kFilters;
}

}  // namespace

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments) {
  const auto filter = filters().find(name);
  if (filter == filters().end()) throw Error("no filter named '" + name + "'");

  return filter->second(value, arguments);
}

}  // namespace troupe::jinja
