#include "storage/safetensors/writer.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "storage/safetensors/header.h"

namespace troupe {
namespace {

std::vector<TensorHeader> in_file_order(std::vector<TensorHeader> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::tuple(size_of(b.dtype), std::string_view(a.name)) <
           std::tuple(size_of(a.dtype), std::string_view(b.name));
  });
  return tensors;
}

void check_names(const std::string& path, const std::vector<TensorHeader>& tensors) {
  std::map<std::string_view, int> counts;
  for (const auto& tensor : tensors)
    if (tensor.name == "__metadata__" || ++counts[tensor.name] > 1)
      throw Error(path + ": tensor name \"" + tensor.name + "\" is taken");
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::string& path, std::vector<TensorHeader> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : tensors_(in_file_order(std::move(tensors))), file_(path) {
  check_names(path, tensors_);
  file_.write(make_safetensors_header(tensors_, metadata));
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  CHECK(next_ < tensors_.size(), file_.path(), next_);
  const auto& tensor = tensors_[next_++];
  const auto expected = static_cast<size_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
  CHECK(bytes.size() == expected, tensor.name, bytes.size(), expected);
  file_.write(bytes);
}

uint64_t SafetensorsWriter::finish(bool durable) {
  CHECK(next_ == tensors_.size(), file_.path(), next_, tensors_.size());
  return file_.finish(durable);
}

uint64_t write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                           bool durable) {
  std::vector<TensorHeader> headers;
  std::map<std::string_view, std::span<const std::byte>> bytes;
  for (const auto& tensor : tensors) {
    headers.push_back({tensor.name, tensor.dtype, tensor.shape});
    bytes[tensor.name] = tensor.bytes;
  }
  SafetensorsWriter writer(path, std::move(headers));
  for (const auto& tensor : writer.order()) writer.append(bytes.at(tensor.name));
  return writer.finish(durable);
}

}  // namespace troupe
