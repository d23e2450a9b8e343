#include <map>

#include "text/jinja/library.h"
#include "text/jinja/strings.h"
#include "text/normalizer.h"
#include "text/utf8.h"

namespace troupe::jinja {
namespace {

using Method = Value (*)(const Value&, const Arguments&);
using Methods = std::map<std::string, Method>;

std::optional<std::string> optional_string(const Arguments& arguments, size_t place,
                                           const char* name) {
  const Value* value = arguments.find(place, name);
  if (value == nullptr || value->is_none()) return std::nullopt;
  return string_argument(arguments, place, name);
}

List strings(std::vector<std::string> parts) {
  List list;
  for (std::string& part : parts) list.items.emplace_back(std::move(part));
  return list;
}

// startswith and endswith take one string or a tuple of them.
template <class Matches>
bool any_affix(const Arguments& arguments, Matches matches) {
  const Value& affix = required(arguments, 0, "prefix");
  if (!affix.list()) return matches(string_argument(arguments, 0, "prefix"));
  for (const Value& one : affix.list()->items)
    if (one.string() && matches(*one.string())) return true;
  return false;
}

// Characters before a byte offset, or -1 where nothing was found.
int64_t character_index(const std::string& text, size_t at) {
  if (at == text.npos) return -1;
  return static_cast<int64_t>(code_points(std::string_view(text).substr(0, at)).size());
}

int64_t count_of(const std::string& text, const std::string& part) {
  if (part.empty()) return static_cast<int64_t>(code_points(text).size()) + 1;
  int64_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

Value checked_replace(const std::string& text, const Arguments& arguments) {
  const std::string from = string_argument(arguments, 0, "old");
  const std::string to = string_argument(arguments, 1, "new");
  const auto count = static_cast<size_t>(count_of(text, from));
  if (to.size() > from.size() && count > 0 && to.size() > kLargestText / count)
    check_text_size(kLargestText + 1);
  return replace(text, from, to, int_argument(arguments, 2, "count", -1));
}

Value join(const std::string& separator, const Value& parts) {
  std::string text;
  bool first = true;
  for (const Value& part : iterate(parts)) {
    if (!first) text += separator;
    first = false;
    if (!part.string()) throw Error("join: found " + part.type_name() + ", expected strings");
    check_text_size(text.size() + part.string()->size());
    text += *part.string();
  }
  return text;
}

bool all_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

const Methods& string_methods() {
  static const Methods kMethods = {
      {"strip",
       [](const Value& s, const Arguments& a) -> Value {
         const auto set = optional_string(a, 0, "chars");
         return strip_left(strip_right(*s.string(), set), set);
       }},
      {"lstrip",
       [](const Value& s, const Arguments& a) -> Value {
         return strip_left(*s.string(), optional_string(a, 0, "chars"));
       }},
      {"rstrip",
       [](const Value& s, const Arguments& a) -> Value {
         return strip_right(*s.string(), optional_string(a, 0, "chars"));
       }},
      {"split",
       [](const Value& s, const Arguments& a) -> Value {
         return strings(
             split(*s.string(), optional_string(a, 0, "sep"), int_argument(a, 1, "maxsplit", -1)));
       }},
      {"rsplit",
       [](const Value& s, const Arguments& a) -> Value {
         return strings(split_from_right(*s.string(), optional_string(a, 0, "sep"),
                                         int_argument(a, 1, "maxsplit", -1)));
       }},
      {"splitlines",
       [](const Value& s, const Arguments&) -> Value { return strings(split_lines(*s.string())); }},
      {"startswith",
       [](const Value& s, const Arguments& a) -> Value {
         return any_affix(a, [&](const std::string& p) { return s.string()->starts_with(p); });
       }},
      {"endswith",
       [](const Value& s, const Arguments& a) -> Value {
         return any_affix(a, [&](const std::string& p) { return s.string()->ends_with(p); });
       }},
      {"removeprefix",
       [](const Value& s, const Arguments& a) -> Value {
         const std::string prefix = string_argument(a, 0, "prefix");
         return s.string()->starts_with(prefix) ? s.string()->substr(prefix.size()) : *s.string();
       }},
      {"removesuffix",
       [](const Value& s, const Arguments& a) -> Value {
         const std::string end = string_argument(a, 0, "suffix");
         return s.string()->ends_with(end) ? s.string()->substr(0, s.string()->size() - end.size())
                                           : *s.string();
       }},
      {"upper", [](const Value& s, const Arguments&) -> Value { return to_upper(*s.string()); }},
      {"lower", [](const Value& s, const Arguments&) -> Value { return to_lower(*s.string()); }},
      {"capitalize",
       [](const Value& s, const Arguments&) -> Value { return capitalize(*s.string()); }},
      {"title", [](const Value& s, const Arguments&) -> Value { return title(*s.string()); }},
      {"replace",
       [](const Value& s, const Arguments& a) { return checked_replace(*s.string(), a); }},
      {"find",
       [](const Value& s, const Arguments& a) -> Value {
         return character_index(*s.string(), s.string()->find(string_argument(a, 0, "sub")));
       }},
      {"rfind",
       [](const Value& s, const Arguments& a) -> Value {
         return character_index(*s.string(), s.string()->rfind(string_argument(a, 0, "sub")));
       }},
      {"count",
       [](const Value& s, const Arguments& a) -> Value {
         return count_of(*s.string(), string_argument(a, 0, "sub"));
       }},
      {"join", [](const Value& s,
                  const Arguments& a) { return join(*s.string(), required(a, 0, "items")); }},
      {"isdigit",
       [](const Value& s, const Arguments&) -> Value { return all_digits(*s.string()); }},
  };
  return kMethods;
}

Value dict_items(const Value& d, const Arguments&) {
  List list;
  for (const auto& [key, value] : d.dict()->items) {
    List pair;
    pair.is_tuple = true;
    pair.items = {key, value};
    list.items.emplace_back(std::move(pair));
  }
  return list;
}

const Methods& dict_methods() {
  static const Methods kMethods = {
      {"items", dict_items},
      {"keys",
       [](const Value& d, const Arguments&) -> Value {
         List list;
         for (const auto& [key, unused] : d.dict()->items) list.items.push_back(key);
         return list;
       }},
      {"values",
       [](const Value& d, const Arguments&) -> Value {
         List list;
         for (const auto& [unused, value] : d.dict()->items) list.items.push_back(value);
         return list;
       }},
      {"get",
       [](const Value& d, const Arguments& a) -> Value {
         const Value* found = d.dict()->find(required(a, 0, "key"));
         const Value* otherwise = a.find(1, "default");
         return found ? *found : otherwise ? *otherwise : Value();
       }},
      {"copy", [](const Value& d, const Arguments&) -> Value { return Dict(*d.dict()); }},
  };
  return kMethods;
}

const Methods& list_methods() {
  static const Methods kMethods = {
      {"index",
       [](const Value& l, const Arguments& a) -> Value {
         const auto& items = l.list()->items;
         for (size_t i = 0; i < items.size(); ++i)
           if (equal(items[i], required(a, 0, "value"))) return static_cast<int64_t>(i);
         throw Error("index: " + required(a, 0, "value").repr() + " is not in the list");
       }},
      {"count",
       [](const Value& l, const Arguments& a) -> Value {
         int64_t count = 0;
         for (const Value& item : l.list()->items) count += equal(item, required(a, 0, "value"));
         return count;
       }},
  };
  return kMethods;
}

}  // namespace

Value find_method(const Value& object, const std::string& name) {
  if (object.dict() && object.dict()->is_namespace) return {};
  const Methods* methods = object.string() ? &string_methods()
                           : object.dict() ? &dict_methods()
                           : object.list() ? &list_methods()
                                           : nullptr;
  if (methods == nullptr) return {};
  const auto found = methods->find(name);
  if (found == methods->end()) return {};
  return Function{name, [object, method = found->second](const Arguments& arguments) {
                    return method(object, arguments);
                  }};
}

}  // namespace troupe::jinja
