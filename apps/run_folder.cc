#include "apps/run_folder.h"

#include <ctime>
#include <fstream>

#include "base/error.h"
#include "base/run_config.h"

namespace troupe {
namespace fs = std::filesystem;
namespace {

void refuse_used(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  if (!fs::is_directory(folder))
    throw UsageError("run.dir = " + folder.string() + ": not a folder");
  if (fs::is_empty(folder)) return;
  throw UsageError("run.dir = " + folder.string() +
                   ": there is something in it already\n  give another with --set run.dir=FOLDER");
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw UsageError("run.dir = " + folder.string() + ": cannot be made: " + error.message());
  }
}

void write_config(const fs::path& path, const std::string& yaml) {
  std::ofstream out(path);
  out << yaml << std::flush;
  if (!out) throw UsageError(path.string() + ": cannot be written");
}

// The new link takes the old one's place in one step, so that there is always a latest run.
void link_latest(const fs::path& folder) {
  if (folder.parent_path() != "runs") return;
  const fs::path next = fs::path("runs") / (".latest-" + folder.filename().string());
  fs::create_directory_symlink(folder.filename(), next);
  fs::rename(next, "runs/latest");
}

}  // namespace

fs::path default_run_folder(const fs::path& config_file,
                            std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "-%Y%m%d-%H%M%S", &utc);
  return fs::path("runs") / (config_file.stem().string() + text);
}

fs::path make_run_folder(Config& config, const fs::path& config_file) {
  const std::string dir = config.as<RunConfig>().getRun().getDir();
  fs::path folder = dir.empty() ? default_run_folder(config_file, std::chrono::system_clock::now())
                                : fs::path(dir);
  refuse_used(folder);
  make_folder(folder);
  if (dir.empty()) config.set("run.dir=" + folder.string());
  write_config(folder / "config.yaml", config.to_yaml());
  link_latest(folder);
  return folder;
}

}  // namespace troupe
