#include "storage/gguf/gguf.h"

#include <algorithm>
#include <bit>
#include <set>

#include "base/error.h"
#include "storage/gguf/cursor.h"

namespace troupe {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kMostDims = 4;
constexpr uint64_t kSmallestTensorInfo = 8 + 4 + 4 + 8;
constexpr uint64_t kSmallestKeyValue = 8 + 4 + 1;

struct TensorInfo {
  GgufTensor tensor;
  uint64_t offset = 0;  // from the start of the data
  uint64_t size = 0;    // bytes
};

int read_version(GgufCursor& cursor) {
  if (cursor.number<uint32_t>() != kMagic)
    cursor.refuse_damaged("not a GGUF file: expected \"GGUF\" at its start");
  const auto version = cursor.number<uint32_t>();
  if (version == 2 || version == 3) return static_cast<int>(version);
  const bool swapped = version == 0x02000000 || version == 0x03000000;
  cursor.refuse(swapped ? "a big-endian GGUF file; expected little-endian"
                        : "GGUF version " + std::to_string(version) + "; expected 2 or 3");
}

nlohmann::json read_metadata(GgufCursor& cursor, uint64_t count) {
  auto metadata = nlohmann::json::object();
  for (; count > 0; --count) {
    cursor.now_reading("a metadata key");
    const auto key = cursor.text();
    cursor.now_reading("metadata \"" + key + '"');
    if (metadata.contains(key)) cursor.refuse("there twice");
    metadata[key] = cursor.value(cursor.number<uint32_t>());
  }
  return metadata;
}

Shape read_shape(GgufCursor& cursor) {
  const auto dims = cursor.number<uint32_t>();
  if (dims > kMostDims) cursor.refuse(std::to_string(dims) + " dims; expected at most 4");
  Shape shape;
  int64_t elements = 1;
  for (uint32_t i = 0; i < dims; ++i) {
    const auto size = cursor.number<uint64_t>();
    if (size == 0 || size > INT64_MAX / 8 ||
        __builtin_mul_overflow(elements, static_cast<int64_t>(size), &elements) ||
        elements > INT64_MAX / 8)
      cursor.refuse("absurd size " + std::to_string(size) + " of dim " + std::to_string(i));
    shape.insert(shape.begin(), static_cast<int64_t>(size));
  }
  return shape;
}

TensorInfo read_tensor_info(GgufCursor& cursor) {
  TensorInfo info;
  cursor.now_reading("a tensor's name");
  info.tensor.name = cursor.text();
  cursor.now_reading("tensor " + info.tensor.name);
  info.tensor.shape = read_shape(cursor);
  const auto number = cursor.number<uint32_t>();
  const auto* format = find_block_format(number);
  if (!format)
    cursor.refuse("unsupported type " + ggml_type_name(number) +
                  ": expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K\n"
                  "  take the same model in one of these types");
  const auto columns = info.tensor.shape.empty() ? 1 : info.tensor.shape.back();
  if (columns % format->elements != 0)
    cursor.refuse("rows of " + std::to_string(columns) + " elements are no whole blocks of " +
                  std::string(format->name));
  info.tensor.type = format->type;
  info.size = static_cast<uint64_t>(block_bytes(format->type, info.tensor.shape));
  info.offset = cursor.number<uint64_t>();
  return info;
}

uint64_t read_alignment(const nlohmann::json& metadata, GgufCursor& cursor) {
  cursor.now_reading("metadata \"general.alignment\"");
  const auto value = metadata.value("general.alignment", nlohmann::json(32u));
  if (!value.is_number_unsigned() || !std::has_single_bit(value.get<uint64_t>()) ||
      value.get<uint64_t>() > (uint64_t{1} << 20))
    cursor.refuse("expected a power of two");
  return value.get<uint64_t>();
}

void place_tensor(TensorInfo& info, std::span<const std::byte> data, uint64_t alignment,
                  GgufCursor& cursor) {
  cursor.now_reading("tensor " + info.tensor.name);
  if (info.offset % alignment != 0)
    cursor.refuse("offset " + std::to_string(info.offset) + " is no multiple of " +
                  std::to_string(alignment));
  if (info.offset > data.size() || info.size > data.size() - info.offset)
    cursor.refuse_damaged("truncated: " + std::to_string(info.size) + " bytes at " +
                          std::to_string(info.offset) + " of " + std::to_string(data.size()) +
                          " bytes of data");
  info.tensor.bytes = data.subspan(info.offset, info.size);
}

void check_no_overlap(std::vector<GgufTensor> tensors, GgufCursor& cursor) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.bytes.data() < b.bytes.data(); });
  for (size_t i = 1; i < tensors.size(); ++i) {
    cursor.now_reading("tensor " + tensors[i].name);
    if (tensors[i - 1].bytes.data() + tensors[i - 1].bytes.size() > tensors[i].bytes.data())
      cursor.refuse("its bytes overlap those of " + tensors[i - 1].name);
  }
}

void check_names(const std::vector<GgufTensor>& tensors, GgufCursor& cursor) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    cursor.now_reading("tensor " + tensor.name);
    if (!names.insert(tensor.name).second) cursor.refuse("there twice");
  }
}

}  // namespace

GgufFile::GgufFile(const std::string& path) : file_(path) {
  GgufCursor cursor(path, file_.bytes());
  version_ = read_version(cursor);
  const auto num_tensors = cursor.count(kSmallestTensorInfo);
  metadata_ = read_metadata(cursor, cursor.count(kSmallestKeyValue));
  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < num_tensors; ++i) infos.push_back(read_tensor_info(cursor));
  const auto alignment = read_alignment(metadata_, cursor);
  const auto start = (cursor.position() + alignment - 1) / alignment * alignment;
  const auto data = file_.bytes().subspan(std::min(start, file_.bytes().size()));
  for (auto& info : infos) {
    place_tensor(info, data, alignment, cursor);
    tensors_.push_back(std::move(info.tensor));
  }
  check_names(tensors_, cursor);
  check_no_overlap(tensors_, cursor);
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  for (const auto& tensor : tensors_)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

void GgufFile::refuse(const std::string& key, const std::string& why) const {
  throw Error(path() + ": metadata \"" + key + "\" " + why);
}

}  // namespace troupe
