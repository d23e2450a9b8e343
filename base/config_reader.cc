#include "base/config_reader.h"

#include <capnp/orphan.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include "base/config_schema.h"
#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

using capnp::DynamicValue;
using capnp::schema::Type;

std::string join_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

std::string prefix_of(const std::vector<std::string>& path, size_t depth) {
  std::string out;
  for (size_t i = 0; i < depth; ++i) out = join_path(out, path[i]);
  return out;
}

std::string described(const YAML::Node& node) {
  if (node.IsMap()) return "a map";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "nothing";
  const std::string& text = node.Scalar();
  const std::string quote = node.Tag() == "!" ? "\"" : "";
  return quote + (text.size() > 60 ? text.substr(0, 57) + "..." : text) + quote;
}

// Numbers and truth values are plain scalars: "3" in quotes is text.
bool is_plain(const YAML::Node& node) {
  return node.IsScalar() && node.Tag() != "!";
}

template <class Number>
bool parse_number(const std::string& text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end;
}

// Where the first line with a tab in its indentation is, counted from 0; -1 if none is.
YAML::Mark first_tab(const std::string& text) {
  YAML::Mark mark;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line); ++mark.line) {
    const auto text_begin = line.find_first_not_of(" \t\r");
    const auto tab = line.find('\t');
    if (text_begin == line.npos || tab >= text_begin) continue;
    mark.column = static_cast<int>(tab);
    return mark;
  }
  return YAML::Mark::null_mark();
}

std::vector<YAML::Node> load(const std::string& text, const auto& at) {
  try {
    return YAML::LoadAll(text);
  } catch (const YAML::Exception& e) {
    throw UsageError(at(e.mark) + ": not valid YAML: " + e.msg);
  }
}

}  // namespace

std::string ConfigReader::at(const YAML::Mark& mark) const {
  if (!is_file_ || mark.is_null()) return source_;
  return source_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

void ConfigReader::remember(const YAML::Node& node, const std::string& path) {
  origins_[path] = at(node.Mark());
}

void ConfigReader::fail(const YAML::Node& node, const std::string& path, Field field,
                        const std::string& hint) const {
  throw UsageError(at(node.Mark()) + ": " + path + " = " + described(node) + ": expected " +
                   expectation(field) + hint + "\n  " + path + ": " + doc_of(field));
}

YAML::Node ConfigReader::parse(const std::string& text) const {
  if (const YAML::Mark tab = first_tab(text); !tab.is_null()) {
    throw UsageError(at(tab) + ": a tab in the indentation: YAML wants spaces");
  }
  const auto documents = load(text, [&](const YAML::Mark& mark) { return at(mark); });
  if (documents.empty() || documents[0].IsNull()) {
    throw UsageError(source_ + ": empty: expected keys with values, such as `run: {seed: 1}`");
  }
  if (documents.size() > 1) {
    throw UsageError(at(documents[1].Mark()) + ": a second document: expected one");
  }
  return documents[0];
}

capnp::StructSchema::Field ConfigReader::field_of(capnp::StructSchema schema, const YAML::Node& key,
                                                  const std::string& path) const {
  if (!key.IsScalar()) throw UsageError(at(key.Mark()) + ": " + described(key) + " as a key");
  for (auto field : schema.getFields()) {
    if (snake_case(field.getProto().getName().cStr()) == key.Scalar()) return field;
  }
  std::string known;
  for (const auto& name : keys_of(schema)) known += (known.empty() ? "" : ", ") + name;
  throw UsageError(at(key.Mark()) + ": unknown key '" + join_path(path, key.Scalar()) + "'" +
                   did_you_mean(key.Scalar(), keys_of(schema)) + "\n  known " +
                   (path.empty() ? "at the top" : "in " + path) + ": " + known);
}

void ConfigReader::read_struct(capnp::DynamicStruct::Builder to, const YAML::Node& from,
                               const std::string& path) {
  if (from.IsNull()) return;  // a section whose keys are all commented out
  if (!from.IsMap()) {
    throw UsageError(at(from.Mark()) + ": " + (path.empty() ? "" : path + " = ") + described(from) +
                     ": expected a map of keys to values");
  }
  std::set<std::string> seen;
  for (const auto& entry : from) {
    const Field field = field_of(to.getSchema(), entry.first, path);
    const std::string key = join_path(path, entry.first.Scalar());
    if (!seen.insert(key).second) {
      throw UsageError(at(entry.first.Mark()) + ": " + key + " stands here for the second time");
    }
    read_field(to, field, entry.second, key);
  }
}

void ConfigReader::read_field(capnp::DynamicStruct::Builder to, Field field, const YAML::Node& from,
                              const std::string& path) {
  if (field.getType().isStruct()) {
    read_struct(to.get(field).as<capnp::DynamicStruct>(), from, path);
  } else if (!field.getType().isList()) {
    to.set(field, scalar(field.getType(), field, from, path));
    remember(from, path);
  } else {
    if (!from.IsSequence()) fail(from, path, field);
    origins_.erase(origins_.lower_bound(path + "."), origins_.lower_bound(path + "/"));
    remember(from, path);
    read_list(to.init(field, static_cast<uint32_t>(from.size())).as<capnp::DynamicList>(), field,
              from, path);
  }
}

void ConfigReader::read_list(capnp::DynamicList::Builder to, Field field, const YAML::Node& from,
                             const std::string& path) {
  const auto type = field.getType().asList().getElementType();
  for (uint32_t i = 0; i < to.size(); ++i) {
    const std::string key = join_path(path, std::to_string(i));
    if (type.isStruct()) {
      read_struct(to[i].as<capnp::DynamicStruct>(), from[i], key);
    } else {
      to.set(i, scalar(type, field, from[i], key));
    }
  }
}

// Text points into `from`, which must live until the value is copied.
DynamicValue::Reader ConfigReader::scalar(capnp::Type type, Field field, const YAML::Node& from,
                                          const std::string& path) const {
  if (type.isText() && from.IsNull()) return capnp::Text::Reader("");
  if (!from.IsScalar() || (!is_plain(from) && !type.isText() && !type.isEnum())) {
    fail(from, path, field);
  }
  const std::string& text = from.Scalar();
  int64_t integer = 0;
  uint64_t natural = 0;
  double real = 0;
  switch (type.which()) {
    case Type::TEXT:
      return capnp::Text::Reader(text.c_str(), text.size());
    case Type::BOOL:
      if (text == "true" || text == "false") return text == "true";
      break;
    case Type::FLOAT64:
      if (parse_number(text, real) && std::isfinite(real) && limits_of(field).allow(real))
        return real;
      break;
    case Type::UINT64:
      if (parse_number(text, natural) && limits_of(field).allow(static_cast<double>(natural)))
        return natural;
      break;
    case Type::INT32:
      if (parse_number(text, integer) && integer == static_cast<int32_t>(integer) &&
          limits_of(field).allow(static_cast<double>(integer)))
        return integer;
      break;
    case Type::ENUM:
      for (auto name : type.asEnum().getEnumerants()) {
        if (snake_case(name.getProto().getName().cStr()) == text) return capnp::DynamicEnum(name);
      }
      fail(from, path, field, did_you_mean(text, names_of(type.asEnum())));
    default:
      throw Error("the schema of " + path + " has a type that configs do not");
  }
  fail(from, path, field);
}

YAML::Node ConfigReader::parse_value(capnp::Type type, const std::string& text) const {
  if (type.isText()) return YAML::Node(text);
  const auto documents = load(text, [&](const YAML::Mark&) { return source_; });
  return documents.empty() ? YAML::Node() : documents[0];
}

void ConfigReader::assign(capnp::DynamicStruct::Builder to, const std::vector<std::string>& path,
                          size_t depth, const std::string& text) {
  const Field field = field_of(to.getSchema(), YAML::Node(path[depth]), prefix_of(path, depth));
  const bool last = depth + 1 == path.size();
  if (last) {
    read_field(to, field, parse_value(field.getType(), text), prefix_of(path, depth + 1));
  } else if (field.getType().isStruct()) {
    assign(to.get(field).as<capnp::DynamicStruct>(), path, depth + 1, text);
  } else if (field.getType().isList()) {
    assign_item(to, field, path, depth + 1, text);
  } else {
    throw UsageError(source_ + ": " + prefix_of(path, depth + 1) + " has no keys: it is " +
                     expectation(field));
  }
}

// path[depth] is an index into the list `field`, or its length to append.
void ConfigReader::assign_item(capnp::DynamicStruct::Builder to, Field field,
                               const std::vector<std::string>& path, size_t depth,
                               const std::string& text) {
  auto old = to.get(field).as<capnp::DynamicList>();
  const auto type = field.getType().asList().getElementType();
  uint32_t index = 0;
  if (!parse_number(path[depth], index) || index > old.size()) {
    throw UsageError(source_ + ": " + prefix_of(path, depth) + " has " +
                     std::to_string(old.size()) + " items: expected an index from 0 to " +
                     std::to_string(old.size()) + ", found '" + path[depth] + "'");
  }
  if (index == old.size()) {
    auto longer = capnp::Orphanage::getForMessageContaining(to).newOrphan(field.getType().asList(),
                                                                          index + 1);
    for (uint32_t i = 0; i < index; ++i) longer.get().set(i, old[i].asReader());
    to.adopt(field, kj::mv(longer));
  }
  auto list = to.get(field).as<capnp::DynamicList>();
  const std::string key = prefix_of(path, depth + 1);
  const bool last = depth + 1 == path.size();
  if (type.isStruct() && !last)
    return assign(list[index].as<capnp::DynamicStruct>(), path, depth + 1, text);
  if (!last) throw UsageError(source_ + ": " + key + " has no keys");
  const YAML::Node node = parse_value(type, text);
  if (type.isStruct()) return read_struct(list[index].as<capnp::DynamicStruct>(), node, key);
  list.set(index, scalar(type, field, node, key));
  remember(node, key);
}

}  // namespace troupe
