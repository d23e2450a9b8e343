#include "storage/file.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_reason.h"
#include "storage/mapped_file.h"

namespace troupe {

void throw_errno(std::string_view what, const std::string& path) {
  const int code = errno;
  throw Error("cannot " + std::string(what) + ' ' + path + ": " + std::strerror(code));
}

int FileDescriptor::close() {
  return value_ < 0 ? 0 : ::close(std::exchange(value_, -1));
}

struct OutputFile::Hash {
  XXH3_state_t* state = XXH3_createState();
  Hash() { XXH3_64bits_reset(state); }
  ~Hash() { XXH3_freeState(state); }
};

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)),
      file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
      hash_(std::make_unique<Hash>()) {
  if (file_.get() < 0) throw_errno("create", path_);
}

OutputFile::~OutputFile() = default;
OutputFile::OutputFile(OutputFile&&) noexcept = default;

void OutputFile::write(std::span<const std::byte> bytes) {
  XXH3_64bits_update(hash_->state, bytes.data(), bytes.size());
  written_ += bytes.size();
  constexpr size_t kAtOnce = size_t{1} << 30;  // Linux writes less than 2 GiB in one call
  while (!bytes.empty()) {
    const auto done = ::write(file_.get(), bytes.data(), std::min(bytes.size(), kAtOnce));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_errno("write", path_);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

uint64_t OutputFile::finish(bool durable) {
  if (durable && fsync(file_.get()) != 0) throw_errno("sync", path_);
  if (file_.close() != 0) throw_errno("close", path_);
  return XXH3_64bits_digest(hash_->state);
}

uint64_t write_file(const std::string& path, std::string_view text, bool durable) {
  OutputFile file(path);
  file.write(text);
  return file.finish(durable);
}

std::string read_file(const std::string& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

nlohmann::json read_json_file(const std::string& path) {
  try {
    return nlohmann::json::parse(read_file(path));
  } catch (const nlohmann::json::exception& e) {
    throw Error(path + ": not valid JSON: " + json_reason(e));
  }
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error("cannot create folder " + path + ": " + error.message());
}

void make_empty_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) std::filesystem::create_directories(path, error);
  if (error) throw Error("cannot make an empty folder " + path + ": " + error.message());
}

void sync_to_disk(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw_errno("open", path);
  if (fsync(file.get()) != 0) throw_errno("sync", path);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) throw_errno("rename " + from + " to", to);
  const auto parent = std::filesystem::path(to).parent_path().string();
  sync_to_disk(parent.empty() ? "." : parent);
}

}  // namespace troupe
