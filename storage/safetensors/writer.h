// Writes a safetensors file tensor by tensor, so that a model need not be in memory whole. The same
// tensors give the same bytes, whatever order they are named in.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "storage/file.h"
#include "storage/safetensors/tensor.h"

namespace troupe {

class SafetensorsWriter {
 public:
  // Writes the header. Throws on two tensors of one name.
  SafetensorsWriter(const std::string& path, std::vector<TensorHeader> tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

  // The order in which to append: large element types first, which keeps every tensor aligned to
  // its own elements, then by name.
  const std::vector<TensorHeader>& order() const { return tensors_; }
  void append(std::span<const std::byte> bytes);  // the next tensor of order(), whole
  uint64_t finish(bool durable);                  // all appended; returns the file's xxh3
  uint64_t bytes_written() const { return file_.bytes_written(); }

 private:
  std::vector<TensorHeader> tensors_;
  size_t next_ = 0;
  OutputFile file_;
};

// All at once; returns the file's xxh3.
uint64_t write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                           bool durable);

}  // namespace troupe
