// Files that are written once, hashed on the way and made durable; every failure says the path and
// errno's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

// Throws an Error: "cannot <what> <path>: No space left on device".
[[noreturn]] void throw_errno(std::string_view what, const std::string& path);

class FileDescriptor {
 public:
  explicit FileDescriptor(int value) : value_(value) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  int get() const { return value_; }
  int close();  // what close(2) said; 0 when it was closed before

 private:
  int value_;
};

// Writes a new file from its start to its end.
class OutputFile {
 public:
  explicit OutputFile(std::string path);  // an older file is overwritten
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  uint64_t finish(bool durable);  // closes, after an fsync if durable; returns the xxh3 of it all
  uint64_t bytes_written() const { return written_; }
  const std::string& path() const { return path_; }

 private:
  struct Hash;
  std::string path_;
  FileDescriptor file_;
  std::unique_ptr<Hash> hash_;
  uint64_t written_ = 0;
};

uint64_t write_file(const std::string& path, std::string_view text, bool durable);  // its xxh3
std::string read_file(const std::string& path);
nlohmann::json read_json_file(const std::string& path);  // errors name the file

void make_folder(const std::string& path);        // with its parents
void make_empty_folder(const std::string& path);  // whatever was there is gone
void sync_to_disk(const std::string& path);       // a file's bytes, or the names in a folder
void rename_durably(const std::string& from, const std::string& to);

}  // namespace troupe
