#include "storage/journal/failure.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "storage/file.h"

namespace troupe {
namespace {

using nlohmann::json;

std::string path_in(const std::string& run_dir) {
  return run_dir + "/failure.json";
}

FailureRecord failure_of(const json& record) {
  return {.node = record.at("node"),
          .pid = record.at("pid"),
          .what = record.at("what"),
          .wall_time_ns = record.at("wall_time_ns"),
          .log = record.at("log")};
}

// Nothing if it is not there or was cut off.
std::optional<json> record_in(const std::string& run_dir) {
  std::ifstream file(path_in(run_dir));
  auto record = json::parse(file, nullptr, false);
  return record.is_object() ? std::optional(std::move(record)) : std::nullopt;
}

}  // namespace

void note_failure(const std::string& run_dir, const FailureRecord& failure) {
  if (std::filesystem::exists(path_in(run_dir))) return;
  const json record = {{"node", failure.node},
                       {"pid", failure.pid},
                       {"what", failure.what},
                       {"wall_time_ns", failure.wall_time_ns},
                       {"log", failure.log}};
  const auto next = path_in(run_dir) + ".partial";  // a full disk leaves no half of it
  write_file(next, record.dump(2, ' ', true, json::error_handler_t::replace) + "\n", true);
  rename_durably(next, path_in(run_dir));
}

void shelve_failure(const std::string& run_dir) {
  const auto record = record_in(run_dir);
  if (!record) return;
  const auto shelf = run_dir + "/failures.jsonl";
  std::ofstream file(shelf, std::ios::app);
  file << record->dump(-1, ' ', true) << "\n" << std::flush;
  if (!file) throw_errno("write", shelf);
  std::filesystem::remove(path_in(run_dir));
}

std::optional<FailureRecord> read_failure(const std::string& run_dir) {
  const auto record = record_in(run_dir);
  return record ? std::optional(failure_of(*record)) : std::nullopt;
}

std::vector<FailureRecord> read_failures(const std::string& run_dir) {
  std::vector<FailureRecord> failures;
  std::ifstream file(run_dir + "/failures.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto record = json::parse(line, nullptr, false);
    if (record.is_object()) failures.push_back(failure_of(record));  // a line may be cut off
  }
  if (auto last = read_failure(run_dir)) failures.push_back(std::move(*last));
  return failures;
}

}  // namespace troupe
