#include "base/config_explain.h"

#include <capnp/message.h>

#include "base/config_schema.h"
#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

struct Entry {
  std::string key, text;
};

std::string choices(capnp::StructSchema::Field field, const std::string& indent) {
  std::string out;
  const auto type = field.getType();
  const auto item = type.isList() ? type.asList().getElementType() : type;
  if (!item.isEnum()) return out;
  for (auto name : item.asEnum().getEnumerants()) {
    const std::string doc = doc_of(name);
    if (!doc.empty())
      out += indent + snake_case(name.getProto().getName().cStr()) + ": " + doc + "\n";
  }
  return out;
}

// The keys of `defaults`, in the schema's order; a list's items stand under the key with "[]".
void collect(capnp::DynamicStruct::Reader defaults, const std::string& path,
             std::vector<Entry>& out) {
  for (auto field : defaults.getSchema().getFields()) {
    const std::string name = snake_case(field.getProto().getName().cStr());
    const std::string key = path.empty() ? name : path + "." + name;
    const std::string doc = "  " + doc_of(field) + "\n";
    if (field.getType().isStruct()) {
      out.push_back({key, key + ":\n" + doc});
      collect(defaults.get(field).as<capnp::DynamicStruct>(), key, out);
      continue;
    }
    const std::string unit = unit_of(field);
    out.push_back({key, key + ": " + to_flow_yaml(defaults.get(field)) + "    (" +
                            expectation(field) + (unit.empty() ? "" : "; unit: " + unit) + ")\n" +
                            doc + choices(field, "    ")});
    if (!field.getType().isList()) continue;
    const auto item = field.getType().asList().getElementType();
    if (!item.isStruct()) continue;
    capnp::MallocMessageBuilder message;
    collect(message.initRoot<capnp::DynamicStruct>(item.asStruct()).asReader(), key + "[]", out);
  }
}

bool is_at_or_below(const std::string& key, const std::string& top) {
  return top.empty() || key == top || key.starts_with(top + ".") || key.starts_with(top + "[");
}

}  // namespace

std::string explain(capnp::StructSchema schema, const std::string& key) {
  capnp::MallocMessageBuilder message;
  std::vector<Entry> entries;
  collect(message.initRoot<capnp::DynamicStruct>(schema).asReader(), "", entries);
  std::string out;
  std::vector<std::string> keys;
  for (const auto& entry : entries) {
    keys.push_back(entry.key);
    if (is_at_or_below(entry.key, key)) out += entry.text;
  }
  if (out.empty()) throw UsageError("no config key '" + key + "'" + did_you_mean(key, keys));
  return out;
}

}  // namespace troupe
