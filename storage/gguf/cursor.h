// Walks the bytes of a GGUF file from front to back and never past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace troupe {

class GgufCursor {
 public:
  GgufCursor(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  size_t position() const { return position_; }
  void now_reading(std::string what) { what_ = std::move(what); }  // named by errors

  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text();
  nlohmann::json value(uint32_t type, int depth = 0);  // one metadata value of GGUF's type number

  // A count of things that take at least `smallest` bytes each: refused where they cannot be there.
  uint64_t count(uint64_t smallest);
  [[noreturn]] void refuse(const std::string& why) const;
  [[noreturn]] void refuse_damaged(const std::string& why) const;  // says to fetch the file again

 private:
  std::span<const std::byte> take(uint64_t size);
  nlohmann::json array(int depth);

  std::string path_;
  std::span<const std::byte> bytes_;
  size_t position_ = 0;
  std::string what_ = "the header";
};

}  // namespace troupe
