#include "storage/tensorboard/event_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/host_name.h"
#include "base/wall_time.h"
#include "storage/tensorboard/event_record.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPrefix = "events.out.tfevents.";

// events.out.tfevents.<time>.<host>.<process>, in a folder without another.
std::string new_file_in(const std::string& folder) {
  make_folder(folder);
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with(kPrefix)) fs::remove(entry.path());
  return folder + "/" + kPrefix + std::to_string(wall_time_now_ns() / 1'000'000'000) + "." +
         host_name() + "." + std::to_string(getpid());
}

Scalars scalars_of(const json& metrics) {
  const std::string phase = metrics.value("phase", "ppo");
  const auto prefix = phase == "ppo" ? "" : phase + "/";
  Scalars scalars;
  for (const auto& [name, value] : metrics.items())
    if (value.is_number() && name != "wall_time")
      scalars.emplace_back(prefix + name, value.get<double>());
  return scalars;
}

}  // namespace

EventFile::EventFile(const std::string& folder, const std::string& metrics_file)
    : file_(new_file_in(folder)) {
  file_.write(tf_record(version_event(static_cast<double>(wall_time_now_ns()) / 1e9)));
  std::ifstream lines(metrics_file);
  for (std::string line; std::getline(lines, line);) add(json::parse(line));
}

void EventFile::add(const json& metrics) {
  file_.write(tf_record(scalars_event(metrics.value("wall_time", 0.0),
                                      metrics.value("training/global_step", int64_t{0}),
                                      scalars_of(metrics))));
}

}  // namespace troupe
