#include "base/config_schema.h"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

namespace troupe {
namespace {

using capnp::schema::Type;

// The ids of the annotations in run_config.capnp.
constexpr uint64_t kDoc = 0xba4df729bc537f75, kMin = 0xd1a81e68df24e2ac,
                   kAbove = 0xb381574b372eec78, kMax = 0xaf43a273afa51d2a,
                   kUnit = 0xae142b669e2e04de;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double annotated(capnp::StructSchema::Field field, uint64_t id, double otherwise) {
  for (auto annotation : field.getProto().getAnnotations()) {
    if (annotation.getId() == id) return annotation.getValue().getFloat64();
  }
  return otherwise;
}

std::string text_in(detail::Annotations annotations, uint64_t id) {
  for (auto annotation : annotations) {
    if (annotation.getId() == id) return annotation.getValue().getText().cStr();
  }
  return "";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string number(double x) {
  char text[32];
  std::string out(text, std::to_chars(text, text + sizeof text, x).ptr);
  const auto e = out.find('e');  // other YAML readers want a point in a float
  if (out.find('.') == out.npos) out.insert(e == out.npos ? out.size() : e, ".0");
  return out;
}

std::string limits_text(capnp::StructSchema::Field field, bool integer) {
  const Limits limits = limits_of(field);
  const auto text = [&](double x) {
    return integer ? std::to_string(static_cast<int64_t>(x)) : number(x);
  };
  std::string out;
  if (limits.least == limits.greatest) return ", only " + text(limits.least);
  if (limits.least > -kInfinity) out += ", at least " + text(limits.least);
  if (limits.above > -kInfinity) out += ", above " + text(limits.above);
  if (limits.greatest < kInfinity) out += ", at most " + text(limits.greatest);
  return out;
}

std::string expectation(capnp::Type type, capnp::StructSchema::Field field) {
  switch (type.which()) {
    case Type::BOOL:
      return "true or false";
    case Type::TEXT:
      return "text";
    case Type::FLOAT32:
    case Type::FLOAT64:
      return "a number" + limits_text(field, false);
    case Type::ENUM:
      return "one of " + joined(names_of(type.asEnum()));
    case Type::LIST:
      return "a list, each item " + expectation(type.asList().getElementType(), field);
    case Type::STRUCT:
      return "a map with the keys " + joined(keys_of(type.asStruct()));
    default:
      return "an integer" + limits_text(field, true);
  }
}

template <class Items, class Print>
std::string bracketed(char open, const Items& items, char close, Print&& print) {
  std::vector<std::string> parts;
  for (auto item : items) parts.push_back(print(item));
  return open + joined(parts) + close;
}

}  // namespace

std::string snake_case(std::string_view camel_case) {
  std::string out;
  for (char c : camel_case) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

Limits limits_of(capnp::StructSchema::Field field) {
  return {annotated(field, kMin, -kInfinity), annotated(field, kMax, kInfinity),
          annotated(field, kAbove, -kInfinity)};
}

std::string detail::doc_in(Annotations annotations) {
  return text_in(annotations, kDoc);
}

std::string unit_of(capnp::StructSchema::Field field) {
  return text_in(field.getProto().getAnnotations(), kUnit);
}

std::vector<std::string> keys_of(capnp::StructSchema schema) {
  std::vector<std::string> keys;
  for (auto field : schema.getFields())
    keys.push_back(snake_case(field.getProto().getName().cStr()));
  return keys;
}

std::vector<std::string> names_of(capnp::EnumSchema schema) {
  std::vector<std::string> names;
  for (auto name : schema.getEnumerants())
    names.push_back(snake_case(name.getProto().getName().cStr()));
  return names;
}

std::string expectation(capnp::StructSchema::Field field) {
  return expectation(field.getType(), field);
}

std::string to_flow_yaml(capnp::DynamicValue::Reader value) {
  using capnp::DynamicValue;
  switch (value.getType()) {
    case DynamicValue::BOOL:
      return value.as<bool>() ? "true" : "false";
    case DynamicValue::INT:
      return std::to_string(value.as<int64_t>());
    case DynamicValue::UINT:
      return std::to_string(value.as<uint64_t>());
    case DynamicValue::FLOAT:
      return number(value.as<double>());
    case DynamicValue::TEXT:
      return nlohmann::json(value.as<capnp::Text>().cStr()).dump();
    case DynamicValue::ENUM:
      return snake_case(KJ_ASSERT_NONNULL(value.as<capnp::DynamicEnum>().getEnumerant())
                            .getProto()
                            .getName()
                            .cStr());
    case DynamicValue::LIST:
      return bracketed('[', value.as<capnp::DynamicList>(), ']', to_flow_yaml);
    default:
      break;
  }
  auto map = value.as<capnp::DynamicStruct>();
  return bracketed('{', map.getSchema().getFields(), '}', [&](capnp::StructSchema::Field field) {
    return snake_case(field.getProto().getName().cStr()) + ": " + to_flow_yaml(map.get(field));
  });
}

}  // namespace troupe
