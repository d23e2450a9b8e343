#include "storage/tensorboard/event_record.h"

#include <array>
#include <bit>

namespace troupe {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}

constexpr auto kCrcTable = crc_table();

// TFRecord's, so that the CRC of bytes that hold a CRC is no special one.
uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u;
}

template <class Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(value); ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
  return bytes;
}

// Protobuf's wire format: a field's number and wire type, then the value.
enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(int field, WireType type) {
  return varint(static_cast<uint64_t>(field << 3 | type));
}

std::string bytes_field(int field, std::string_view bytes) {
  return key(field, kBytes) + varint(bytes.size()) + std::string(bytes);
}

// Event.wall_time = 1, step = 2, file_version = 3, summary = 5.
std::string event_at(double wall_time) {
  return key(1, kFixed64) + little_endian(std::bit_cast<uint64_t>(wall_time));
}

// Summary.Value.tag = 1, simple_value = 2.
std::string summary_value(const std::string& tag, double value) {
  return bytes_field(1, tag) + key(2, kFixed32) +
         little_endian(std::bit_cast<uint32_t>(static_cast<float>(value)));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  return ~crc;
}

std::string tf_record(std::string_view bytes) {
  const auto length = little_endian(uint64_t{bytes.size()});
  return length + little_endian(masked_crc(length)) + std::string(bytes) +
         little_endian(masked_crc(bytes));
}

std::string version_event(double wall_time) {
  return event_at(wall_time) + bytes_field(3, "brain.Event:2");
}

std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) summary += bytes_field(1, summary_value(tag, value));
  return event_at(wall_time) + key(2, kVarint) + varint(static_cast<uint64_t>(step)) +
         bytes_field(5, summary);
}

}  // namespace troupe
