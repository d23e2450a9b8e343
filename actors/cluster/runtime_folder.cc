#include "actors/cluster/runtime_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "troupe-run-";
constexpr auto kYoung = std::chrono::minutes(1);  // it may not have its lock yet

// What the run's processes share in memory, beside the folder: files that begin with its name.
void remove_shared_memory(const fs::path& folder) {
  std::error_code ignored;
  const auto name = folder.filename().string();
  for (const auto& entry : fs::directory_iterator(kSharedMemoryFolder, ignored))
    if (entry.path().filename().string().starts_with(name)) fs::remove(entry.path(), ignored);
}

int lock_owner(const fs::path& folder, int flags) {
  int file = open((folder / "owner.lock").c_str(), O_RDWR | O_CLOEXEC | flags, 0600);
  if (file < 0) return -1;
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return file;
  close(file);
  return -1;
}

void remove_abandoned() {
  std::error_code
      error;  // others' folders, and those that go while we look, are none of our concern
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path(), error)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    auto changed = entry.last_write_time(error);
    if (error || fs::file_time_type::clock::now() - changed < kYoung) continue;
    int owner = lock_owner(entry.path(), 0);
    if (owner < 0) continue;
    remove_shared_memory(entry.path());
    fs::remove_all(entry.path(), error);
    close(owner);
  }
}

}  // namespace

RuntimeFolder::RuntimeFolder() {
  remove_abandoned();
  path_ = (fs::temp_directory_path() / (kPrefix + std::string("XXXXXX"))).string();
  bool made = mkdtemp(path_.data()) != nullptr;  // mode 0700
  CHECK(made, path_);
  owner_lock_ = lock_owner(path_, O_CREAT);
  CHECK(owner_lock_ >= 0, path_);
}

RuntimeFolder::~RuntimeFolder() {
  std::error_code ignored;  // what stays is removed by the next launcher
  remove_shared_memory(path_);
  fs::remove_all(path_, ignored);
  close(owner_lock_);
}

}  // namespace troupe
