// SHA-256 for what users compare, xxh3 for what troupe checks itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace troupe {

// Add bytes in pieces, then ask for the hexadecimal digest once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  std::string finish();  // 64 lower-case hexadecimal digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

uint64_t xxh3(std::span<const std::byte> bytes);

}  // namespace troupe
