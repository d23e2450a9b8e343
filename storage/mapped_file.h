// A file mapped read-only into memory, so that weights are read from where they lie.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace troupe {

class MappedFile {
 public:
  explicit MappedFile(const std::string& path);  // throws with the path and errno's text
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace troupe
