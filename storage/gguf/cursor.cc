#include "storage/gguf/cursor.h"

#include <array>
#include <charconv>

#include "base/error.h"

namespace troupe {
namespace {

// GGUF's numbers of metadata value types, in its order.
enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};
constexpr std::array<uint64_t, 13> kSmallestBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
constexpr int kDeepestArray = 8;

// The shortest decimal that is this float, as a double: 1e-05, not 9.999999747378752e-06.
double widen(float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  double wide = value;
  std::from_chars(digits, end, wide);
  return wide;
}

}  // namespace

void GgufCursor::refuse(const std::string& why) const {
  throw Error(path_ + ": " + what_ + ": " + why);
}

void GgufCursor::refuse_damaged(const std::string& why) const {
  refuse(why + "\n  fetch or copy the file again");
}

std::span<const std::byte> GgufCursor::take(uint64_t size) {
  if (size > bytes_.size() - position_)
    refuse_damaged("truncated: " + std::to_string(size) + " bytes wanted at byte " +
                   std::to_string(position_) + " of " + std::to_string(bytes_.size()));
  const auto taken = bytes_.subspan(position_, size);
  position_ += size;
  return taken;
}

std::string GgufCursor::text() {
  const auto bytes = take(number<uint64_t>());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint64_t GgufCursor::count(uint64_t smallest) {
  const auto count = number<uint64_t>();
  const auto left = bytes_.size() - position_;
  if (count > left / smallest)
    refuse_damaged("truncated, or an absurd count: " + std::to_string(count) + " with " +
                   std::to_string(left) + " bytes left");
  return count;
}

nlohmann::json GgufCursor::array(int depth) {
  const auto type = number<uint32_t>();
  if (type >= kSmallestBytes.size()) refuse("unknown value type " + std::to_string(type));
  if (depth >= kDeepestArray) refuse("arrays nested deeper than " + std::to_string(kDeepestArray));
  auto values = nlohmann::json::array();
  for (auto left = count(kSmallestBytes[type]); left > 0; --left)
    values.push_back(value(type, depth + 1));
  return values;
}

nlohmann::json GgufCursor::value(uint32_t type, int depth) {
  switch (type) {
    case kU8:
      return number<uint8_t>();
    case kI8:
      return number<int8_t>();
    case kU16:
      return number<uint16_t>();
    case kI16:
      return number<int16_t>();
    case kU32:
      return number<uint32_t>();
    case kI32:
      return number<int32_t>();
    case kF32:
      return widen(number<float>());
    case kBool:
      return number<uint8_t>() != 0;
    case kString:
      return text();
    case kArray:
      return array(depth);
    case kU64:
      return number<uint64_t>();
    case kI64:
      return number<int64_t>();
    case kF64:
      return number<double>();
  }
  refuse("unknown value type " + std::to_string(type));
}

}  // namespace troupe
