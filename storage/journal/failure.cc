#include "storage/journal/failure.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "storage/file.h"

namespace troupe {
namespace {

using nlohmann::json;

std::string path_in(const std::string& run_dir) {
  return run_dir + "/failure.json";
}

}  // namespace

void note_failure(const std::string& run_dir, const FailureRecord& failure) {
  if (std::filesystem::exists(path_in(run_dir))) return;
  const json record = {{"node", failure.node},
                       {"pid", failure.pid},
                       {"what", failure.what},
                       {"wall_time_ns", failure.wall_time_ns},
                       {"log", failure.log}};
  write_file(path_in(run_dir), record.dump(2, ' ', true, json::error_handler_t::replace) + "\n",
             true);
}

void forget_failure(const std::string& run_dir) {
  std::filesystem::remove(path_in(run_dir));
}

std::optional<FailureRecord> read_failure(const std::string& run_dir) {
  if (!std::filesystem::exists(path_in(run_dir))) return std::nullopt;
  const auto record = read_json_file(path_in(run_dir));
  return FailureRecord{.node = record.at("node"),
                       .pid = record.at("pid"),
                       .what = record.at("what"),
                       .wall_time_ns = record.at("wall_time_ns"),
                       .log = record.at("log")};
}

}  // namespace troupe
