#include "storage/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <vector>

#include "base/hash.h"
#include "storage/mapped_file.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlocks = 64, kBlockBytes = 64 << 10;

uint64_t hash_of(const std::vector<uint64_t>& values) {
  return xxh3(std::as_bytes(std::span(values)));
}

uint64_t hash_of_file(const std::string& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() <= kBlocks * kBlockBytes) return xxh3(bytes);
  std::vector<uint64_t> hashes = {bytes.size()};
  const size_t last = bytes.size() - kBlockBytes;
  for (size_t block = 0; block < kBlocks; ++block)
    hashes.push_back(xxh3(bytes.subspan(last / (kBlocks - 1) * block, kBlockBytes)));
  hashes.push_back(xxh3(bytes.subspan(last)));
  return hash_of(hashes);
}

bool is_of_a_model(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".json" || extension == ".safetensors" || extension == ".gguf";
}

uint64_t hash_of_folder(const std::string& path) {
  std::map<std::string, uint64_t> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (is_of_a_model(entry.path())) files[entry.path().filename()] = hash_of_file(entry.path());
  std::vector<uint64_t> hashes;
  for (const auto& [name, hash] : files) {
    hashes.push_back(xxh3(std::as_bytes(std::span(name))));
    hashes.push_back(hash);
  }
  return hash_of(hashes);
}

}  // namespace

std::string fingerprint(const std::string& path) {
  const uint64_t hash = fs::is_directory(path) ? hash_of_folder(path) : hash_of_file(path);
  std::array<char, 17> text = {};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace troupe
