// How values are printed: Python's str() and repr(), and json.dumps.
#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/jinja/value.h"
#include "text/utf8.h"

namespace troupe::jinja {
namespace {

// Shared parts can print exponentially large: the size is checked all along.
class ReprWriter {
 public:
  void write(const Value& value) {
    check_text_size(out.size());
    if (value.string())
      out += string_repr(*value.string());
    else if (value.list())
      write_list(*value.list());
    else if (value.dict())
      write_dict(*value.dict());
    else
      out += value.is_undefined() ? "Undefined" : value.str();
  }
  std::string out;

 private:
  void write_list(const List& list) {
    out += list.is_tuple ? '(' : '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out += ", ";
      write(list.items[i]);
    }
    if (list.is_tuple && list.items.size() == 1) out += ',';
    out += list.is_tuple ? ')' : ']';
  }
  void write_dict(const Dict& dict) {
    out += dict.is_namespace ? "<Namespace {" : "{";
    for (size_t i = 0; i < dict.items.size(); ++i) {
      if (i > 0) out += ", ";
      write(dict.items[i].first);
      out += ": ";
      write(dict.items[i].second);
    }
    out += dict.is_namespace ? "}>" : "}";
  }
};

std::string repr_of(const Value& value) {
  ReprWriter writer;
  writer.write(value);
  return std::move(writer.out);
}

std::string escape(const char* format, unsigned code) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, format, code);
  return buffer;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\b')
      out += "\\b";
    else if (c == '\f')
      out += "\\f";
    else if (byte < 0x20)
      out += escape("\\u%04x", byte);
    else
      out += c;
  }
  return out + "\"";
}

// json.dumps writes keys that are numbers, booleans or None as strings.
std::string json_key(const Value& key) {
  if (key.string()) return json_string(*key.string());
  if (!key.is_number() && !key.is_none())
    throw Error("tojson: a dict key of type " + key.type_name() + " has no JSON form");
  return "\"" + to_json(key, -1) + "\"";
}

class JsonWriter {
 public:
  explicit JsonWriter(int indent) : indent_(indent) {}

  void write(const Value& value, int depth) {
    check_text_size(out.size());
    if (value.list()) return write_list(*value.list(), depth);
    if (value.dict() && !value.dict()->is_namespace) return write_dict(*value.dict(), depth);
    out += scalar(value);
  }
  std::string out;

 private:
  std::string scalar(const Value& value) const {
    if (value.is_none()) return "null";
    if (value.is<bool>()) return value.as_bool() ? "true" : "false";
    if (value.string()) return json_string(*value.string());
    if (!value.is_number()) throw Error("tojson: " + value.type_name() + " has no JSON form");
    if (!value.is<double>() || std::isfinite(value.to_double())) return value.str();
    const double number = value.to_double();
    return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }
  void write_list(const List& list, int depth) {
    out += '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      separate(i > 0, depth + 1);
      write(list.items[i], depth + 1);
    }
    close(']', !list.items.empty(), depth);
  }
  void write_dict(const Dict& dict, int depth) {
    out += '{';
    for (size_t i = 0; i < dict.items.size(); ++i) {
      separate(i > 0, depth + 1);
      out += json_key(dict.items[i].first) + ": ";
      write(dict.items[i].second, depth + 1);
    }
    close('}', !dict.items.empty(), depth);
  }
  void separate(bool comma, int depth) {
    if (comma) out += indent_ < 0 ? ", " : ",";
    line(depth);
  }
  void close(char bracket, bool filled, int depth) {
    if (filled) line(depth);
    out += bracket;
  }
  void line(int depth) {
    if (indent_ >= 0) out += "\n" + std::string(static_cast<size_t>(indent_) * depth, ' ');
  }
  int indent_;
};

}  // namespace

// The shortest digits that read back as the same number, in Python's layout.
std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[400];
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  if (plain && text.find('.') == text.npos) text += ".0";
  return text;
}

// Printable characters stay as they are; the quotes are double where only single ones occur.
std::string string_repr(const std::string& text) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (char32_t c : code_points(text)) {
    if (c == static_cast<char32_t>(quote) || c == '\\')
      (out += '\\') += static_cast<char>(c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD)
      out += escape("\\x%02x", c);
    else
      append_utf8(out, c);
  }
  return out + quote;
}

std::string Value::repr() const {
  return repr_of(*this);
}

std::string Value::str() const {
  if (string()) return *string();
  if (is_undefined()) return "";
  if (is_none()) return "None";
  if (is<bool>()) return as_bool() ? "True" : "False";
  if (is<int64_t>()) return std::to_string(to_int());
  if (is<double>()) return float_repr(to_double());
  if (function()) return "<function " + function()->name + ">";
  return repr_of(*this);
}

std::string to_json(const Value& value, int indent) {
  JsonWriter writer(indent);
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace troupe::jinja
