// Walks YAML nodes against a schema and writes what they say into a Cap'n Proto struct
// (base/config.h).
#pragma once

#include <capnp/dynamic.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <string>
#include <vector>

namespace troupe {

class ConfigReader {
 public:
  // `source` stands before line and column in messages, or alone if the text is no file.
  ConfigReader(std::string source, bool is_file, std::map<std::string, std::string>& origins)
      : source_(std::move(source)), is_file_(is_file), origins_(origins) {}

  // The text's one document, a map; throws UsageError if it is anything else.
  YAML::Node parse(const std::string& text) const;

  void read_struct(capnp::DynamicStruct::Builder to, const YAML::Node& from,
                   const std::string& path);
  void read_field(capnp::DynamicStruct::Builder to, capnp::StructSchema::Field field,
                  const YAML::Node& from, const std::string& path);

  // Reads `text` into what the words of `path` from `depth` on lead to.
  void assign(capnp::DynamicStruct::Builder to, const std::vector<std::string>& path, size_t depth,
              const std::string& text);

 private:
  using Field = capnp::StructSchema::Field;

  std::string at(const YAML::Mark& mark) const;
  [[noreturn]] void fail(const YAML::Node& node, const std::string& path, Field field,
                         const std::string& hint = "") const;
  Field field_of(capnp::StructSchema schema, const YAML::Node& key, const std::string& path) const;
  capnp::DynamicValue::Reader scalar(capnp::Type type, Field field, const YAML::Node& from,
                                     const std::string& path) const;
  void read_list(capnp::DynamicList::Builder to, Field field, const YAML::Node& from,
                 const std::string& path);
  void assign_item(capnp::DynamicStruct::Builder to, Field field,
                   const std::vector<std::string>& path, size_t depth, const std::string& text);
  YAML::Node parse_value(capnp::Type type, const std::string& text) const;
  void remember(const YAML::Node& node, const std::string& path);

  std::string source_;
  bool is_file_;
  std::map<std::string, std::string>& origins_;
};

}  // namespace troupe
