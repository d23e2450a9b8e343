#include "apps/dated_folder.h"

#include <ctime>

namespace troupe {
namespace fs = std::filesystem;

fs::path dated_folder(const fs::path& parent, const fs::path& config_file,
                      std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "-%Y%m%d-%H%M%S", &utc);
  return parent / (config_file.stem().string() + text);
}

void link_latest(const fs::path& folder, const fs::path& parent) {
  if (folder.parent_path() != parent) return;
  const fs::path next = parent / (".latest-" + folder.filename().string());
  fs::create_directory_symlink(folder.filename(), next);
  fs::rename(next, parent / "latest");
}

}  // namespace troupe
