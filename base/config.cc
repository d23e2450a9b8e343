#include "base/config.h"

#include <fstream>
#include <functional>
#include <sstream>

#include "base/config_reader.h"
#include "base/config_schema.h"
#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

constexpr uintmax_t kLargestFile = 1 << 20;  // bytes; a model file given by mistake is larger
constexpr int kDeepestBase = 8;

std::string no_such_file(const std::filesystem::path& path) {
  std::vector<std::string> others;
  std::error_code ignored;
  const auto folder = path.has_parent_path() ? path.parent_path() : ".";
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".yaml")
      others.push_back((path.parent_path() / entry.path().filename()).string());
  }
  return path.string() + ": no such file" + did_you_mean(path.string(), others);
}

std::string contents_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw UsageError(no_such_file(path));
  if (std::filesystem::is_directory(status))
    throw UsageError(path.string() + ": a folder, expected a YAML file");
  if (std::filesystem::is_regular_file(status) && std::filesystem::file_size(path) > kLargestFile) {
    throw UsageError(path.string() + ": larger than a config can be, expected a YAML file");
  }
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw UsageError(path.string() + ": cannot be read");
  return text.str();
}

void read_file(const std::filesystem::path& path, int depth, capnp::DynamicStruct::Builder root,
               std::map<std::string, std::string>& origins) {
  if (depth > kDeepestBase) throw UsageError(path.string() + ": its `base` files lead back to it");
  ConfigReader reader(path.string(), true, origins);
  YAML::Node node = reader.parse(contents_of(path));
  if (node.IsMap() && node["base"]) {
    read_file(path.parent_path() / node["base"].as<std::string>(""), depth + 1, root, origins);
    node.remove("base");
  }
  reader.read_struct(root, node, "");
}

std::vector<std::string> words_of(const std::string& path) {
  std::vector<std::string> words;
  std::istringstream in(path);
  for (std::string word; std::getline(in, word, '.');) words.push_back(word);
  return words;
}

// One line per value, sections indented; `note` gives the comment behind the value of a key.
void print(capnp::DynamicStruct::Reader from, const std::string& path, const std::string& indent,
           const std::function<std::string(const std::string&)>& note, std::string& out) {
  for (auto field : from.getSchema().getFields()) {
    const std::string key = snake_case(field.getProto().getName().cStr());
    const std::string full = path.empty() ? key : path + "." + key;
    if (field.getType().isStruct()) {
      out += indent + key + ":\n";
      print(from.get(field).as<capnp::DynamicStruct>(), full, indent + "  ", note, out);
    } else {
      out += indent + key + ": " + to_flow_yaml(from.get(field)) + note(full) + "\n";
    }
  }
}

}  // namespace

Config::Config(capnp::StructSchema schema)
    : message_(std::make_unique<capnp::MallocMessageBuilder>()),
      root_(message_->initRoot<capnp::DynamicStruct>(schema)) {}

void Config::read_file(const std::filesystem::path& path) {
  troupe::read_file(path, 0, root_, origins_);
}

void Config::read_text(const std::string& yaml, const std::string& source) {
  ConfigReader reader(source, true, origins_);
  reader.read_struct(root_, reader.parse(yaml), "");
}

void Config::set(const std::string& assignment) {
  const auto equals = assignment.find('=');
  const auto path = words_of(assignment.substr(0, equals));
  if (equals == assignment.npos || path.empty()) {
    throw UsageError("--set " + assignment + ": expected key.path=value");
  }
  ConfigReader reader("--set " + assignment, false, origins_);
  reader.assign(root_, path, 0, assignment.substr(equals + 1));
}

std::string Config::to_yaml(bool with_origins) const {
  std::string out;
  print(
      root(), "", "",
      [&](const std::string& key) { return with_origins ? "  # " + origin(key) : ""; }, out);
  return out;
}

std::string Config::origin(const std::string& key) const {
  const auto found = origins_.find(key);
  return found == origins_.end() ? "default" : found->second;
}

void Config::reject(const std::string& key, const std::string& problem) const {
  const auto place = origin(key);
  throw UsageError((place == "default" ? "" : place + ": ") + key + problem);
}

}  // namespace troupe
