// A config: YAML read into a Cap'n Proto struct, whose schema gives keys, types, limits and
// defaults.
//
//   Config config(capnp::Schema::from<RunConfig>());
//   config.read_file("configs/quickstart.yaml");
//   config.set("actor.optim.lr=2e-4");
//   RunConfig::Reader run = config.as<RunConfig>();
//
// Whatever is wrong throws UsageError: where (file:line:column), the key and value found, what was
// expected, the nearest key.
#pragma once

#include <capnp/dynamic.h>
#include <capnp/message.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

namespace troupe {

class Config {
 public:
  explicit Config(capnp::StructSchema schema);

  // Each reads on top of what is there: a key given again replaces (lists as a whole), others stay.
  // A file's key `base` names a file, beside it, that is read first.
  void read_file(const std::filesystem::path& path);
  void read_text(const std::string& yaml, const std::string& source);

  // "key.path=value": lists by index (`cluster.nodes.0.name=a`; the index after the last appends)
  // or whole (`roles.policy.stages=[a, b]`).
  void set(const std::string& assignment);

  template <class T>
  typename T::Reader as() const {
    return root_.asReader().as<T>();
  }
  capnp::DynamicStruct::Reader root() const { return root_.asReader(); }

  // Every value, defaults included, as a YAML file that reads back to the same config; with
  // origins, a comment behind each value says where it comes from.
  std::string to_yaml(bool with_origins = false) const;

  // "configs/quickstart.yaml:12:5", "--set key=value", or "default".
  std::string origin(const std::string& key) const;

  // Throws UsageError for a value that `key` must not have: origin, key, `problem`.
  [[noreturn]] void reject(const std::string& key, const std::string& problem) const;

 private:
  std::unique_ptr<capnp::MallocMessageBuilder> message_;
  capnp::DynamicStruct::Builder root_;
  std::map<std::string, std::string> origins_;  // key path -> where it was given
};

}  // namespace troupe
