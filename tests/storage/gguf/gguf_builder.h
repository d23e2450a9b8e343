// Writes small GGUF files for tests, good or bad on purpose.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace troupe {

class GgufBuilder {
 public:
  explicit GgufBuilder(uint32_t version = 3) : version_(version) {}

  template <class T>
  static std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(const std::string& value) { return raw<uint64_t>(value.size()) + value; }

  GgufBuilder& value(const std::string& key, uint32_t type, const std::string& bytes) {
    metadata_ += text(key) + raw(type) + bytes;
    ++num_values_;
    return *this;
  }
  GgufBuilder& number(const std::string& key, uint32_t number) {
    return value(key, 4, raw(number));
  }
  GgufBuilder& real(const std::string& key, float number) { return value(key, 6, raw(number)); }
  GgufBuilder& word(const std::string& key, const std::string& word) {
    return value(key, 8, text(word));
  }

  // `dims` in GGUF's order, columns first.
  GgufBuilder& tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                      const std::string& data) {
    tensors_ += text(name) + raw<uint32_t>(dims.size());
    for (auto dim : dims) tensors_ += raw(dim);
    tensors_ += raw(type) + raw<uint64_t>(data_.size());
    data_ += data + std::string((32 - data.size() % 32) % 32, '\0');
    ++num_tensors_;
    return *this;
  }

  std::string build() const {
    auto bytes =
        "GGUF" + raw(version_) + raw(num_tensors_) + raw(num_values_) + metadata_ + tensors_;
    bytes.append((32 - bytes.size() % 32) % 32, '\0');
    return bytes + data_;
  }

 private:
  uint32_t version_;
  uint64_t num_tensors_ = 0, num_values_ = 0;
  std::string metadata_, tensors_, data_;
};

inline std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace troupe
