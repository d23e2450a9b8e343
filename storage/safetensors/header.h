// The JSON header of a safetensors file, to and from bytes.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "storage/safetensors/tensor.h"

namespace troupe {

struct SafetensorsHeader {
  std::vector<TensorView> tensors;  // in file order; views into the file
  std::map<std::string, std::string> metadata;
};

// Checks lengths, dtypes, shapes, ranges, overlaps and gaps; an Error names the file and the
// tensor.
SafetensorsHeader parse_safetensors_header(const std::string& path,
                                           std::span<const std::byte> file);

// The first bytes of a file with these tensors in this order, without gaps; padded to 8 bytes.
std::string make_safetensors_header(std::span<const TensorHeader> tensors,
                                    const std::map<std::string, std::string>& metadata);

}  // namespace troupe
