#include "storage/safetensors/header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/json_reason.h"

namespace troupe {
namespace {

using nlohmann::json;

constexpr const char* kFetchAgain = "\n  fetch or copy the file again";
constexpr uint64_t kLargestHeader = 100'000'000;
constexpr std::array<std::pair<std::string_view, DType>, 7> kDTypes = {{{"F32", DType::f32},
                                                                        {"F16", DType::f16},
                                                                        {"BF16", DType::bf16},
                                                                        {"F64", DType::f64},
                                                                        {"I64", DType::i64},
                                                                        {"I32", DType::i32},
                                                                        {"U8", DType::u8}}};

// Where an error is: the file, and the tensor once one is being read.
struct Place {
  std::string path;
  std::string tensor;
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(path + (tensor.empty() ? "" : ": tensor " + tensor) + ": " + what);
  }
};

// nlohmann keeps the last of two equal keys; a file that holds both is not to be trusted.
json parse_json(std::string_view text, const Place& place) {
  std::set<std::string> seen;
  const auto refuse_duplicates = [&](int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::key && depth == 1 &&
        !seen.insert(value.get<std::string>()).second)
      place.refuse("the header holds \"" + value.get<std::string>() + "\" twice");
    return true;
  };
  try {
    return json::parse(text, refuse_duplicates);
  } catch (const json::exception& e) {
    place.refuse("damaged: the header is not valid JSON: " + json_reason(e) + kFetchAgain);
  }
}

std::string_view header_text(std::span<const std::byte> file, const Place& place) {
  if (file.size() < 8)
    place.refuse("truncated: " + std::to_string(file.size()) + " bytes, expected at least 8" +
                 kFetchAgain);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  if (length > std::min<uint64_t>(file.size() - 8, kLargestHeader))
    place.refuse("truncated or not safetensors: a header of " + std::to_string(length) +
                 " bytes in a file of " + std::to_string(file.size()) + kFetchAgain);
  return {reinterpret_cast<const char*>(file.data()) + 8, length};
}

DType parse_dtype(const json& entry, const Place& place) {
  if (!entry.contains("dtype") || !entry["dtype"].is_string()) place.refuse("expected a \"dtype\"");
  const auto text = entry["dtype"].get<std::string>();
  for (const auto& [name, dtype] : kDTypes)
    if (name == text) return dtype;
  place.refuse("unsupported dtype \"" + text + "\": expected F32, F16, BF16, F64, I64, I32 or U8");
}

std::vector<uint64_t> parse_numbers(const json& entry, const char* key, const Place& place) {
  if (!entry.contains(key) || !entry[key].is_array())
    place.refuse(std::string("expected an array \"") + key + '"');
  std::vector<uint64_t> numbers;
  for (const auto& number : entry[key]) {
    if (!number.is_number_unsigned() || number.get<uint64_t>() > INT64_MAX)
      place.refuse(std::string("\"") + key + "\" has " +
                   number.dump(-1, ' ', true, json::error_handler_t::replace) +
                   ": expected a whole number");
    numbers.push_back(number.get<uint64_t>());
  }
  return numbers;
}

uint64_t bytes_of(const TensorView& tensor, const Place& place) {
  uint64_t bytes = size_of(tensor.dtype);
  for (int64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes))
      place.refuse("shape " + to_string(tensor.shape) + " is absurdly large");
  return bytes;
}

TensorView parse_tensor(const json& entry, std::span<const std::byte> data, const Place& place) {
  if (!entry.is_object()) place.refuse("expected an object");
  TensorView tensor{place.tensor, parse_dtype(entry, place), {}, {}};
  for (uint64_t size : parse_numbers(entry, "shape", place))
    tensor.shape.push_back(static_cast<int64_t>(size));
  const auto offsets = parse_numbers(entry, "data_offsets", place);
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    place.refuse("expected two ascending \"data_offsets\"");
  if (offsets[1] > data.size())
    place.refuse("truncated: bytes up to " + std::to_string(offsets[1]) + " of " +
                 std::to_string(data.size()) + " bytes of data" + kFetchAgain);
  tensor.bytes = data.subspan(offsets[0], offsets[1] - offsets[0]);
  if (const auto bytes = bytes_of(tensor, place); bytes != tensor.bytes.size())
    place.refuse(std::string(safetensors_name_of(tensor.dtype)) + ' ' + to_string(tensor.shape) +
                 " takes " + std::to_string(bytes) + " bytes, \"data_offsets\" hold " +
                 std::to_string(tensor.bytes.size()));
  return tensor;
}

std::map<std::string, std::string> parse_metadata(const json& entries, const Place& place) {
  if (!entries.is_object()) place.refuse("expected \"__metadata__\" to be an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entries.items()) {
    if (!value.is_string()) place.refuse("__metadata__: \"" + key + "\": expected text");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// Tensors must follow each other from the first byte of data to the last.
void check_coverage(std::vector<TensorView>& tensors, std::span<const std::byte> data,
                    Place place) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  const std::byte* end = data.data();
  for (const auto& tensor : tensors) {
    place.tensor = tensor.name;
    if (tensor.bytes.data() < end) place.refuse("its bytes overlap another tensor's");
    if (tensor.bytes.data() > end) place.refuse("there is a gap before its bytes");
    end = tensor.bytes.data() + tensor.bytes.size();
  }
  place.tensor.clear();
  if (end != data.data() + data.size())
    place.refuse(std::to_string(data.data() + data.size() - end) + " bytes after the last tensor");
}

}  // namespace

std::string_view safetensors_name_of(DType dtype) {
  for (const auto& [name, candidate] : kDTypes)
    if (candidate == dtype) return name;
  throw Error("safetensors has no dtype " + std::string(name_of(dtype)));
}

SafetensorsHeader parse_safetensors_header(const std::string& path,
                                           std::span<const std::byte> file) {
  Place place{path, ""};
  const auto text = header_text(file, place);
  const auto data = file.subspan(8 + text.size());
  const json entries = parse_json(text, place);
  if (!entries.is_object()) place.refuse("the header is not a JSON object");
  SafetensorsHeader header;
  for (const auto& [name, entry] : entries.items()) {
    place.tensor = name == "__metadata__" ? "" : name;
    if (name == "__metadata__")
      header.metadata = parse_metadata(entry, place);
    else
      header.tensors.push_back(parse_tensor(entry, data, place));
  }
  check_coverage(header.tensors, data, place);
  return header;
}

std::string make_safetensors_header(std::span<const TensorHeader> tensors,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json entries = nlohmann::ordered_json::object();
  if (!metadata.empty()) entries["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    const uint64_t end =
        offset + static_cast<uint64_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
    entries[tensor.name] = {{"dtype", safetensors_name_of(tensor.dtype)},
                            {"shape", tensor.shape},
                            {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = entries.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + text;
}

}  // namespace troupe
