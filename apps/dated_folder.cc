#include "apps/dated_folder.h"

#include "base/wall_time.h"

namespace troupe {
namespace fs = std::filesystem;

fs::path dated_folder(const fs::path& parent, const fs::path& config_file, int64_t wall_time_ns) {
  return parent / (config_file.stem().string() + utc_text(wall_time_ns, "-%Y%m%d-%H%M%S"));
}

void link_latest(const fs::path& folder, const fs::path& parent) {
  if (folder.parent_path() != parent) return;
  const fs::path next = parent / (".latest-" + folder.filename().string());
  fs::create_directory_symlink(folder.filename(), next);
  fs::rename(next, parent / "latest");
}

}  // namespace troupe
