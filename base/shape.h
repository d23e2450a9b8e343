// Sizes of a tensor's dims.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

using Shape = std::vector<int64_t>;

int64_t num_elements(const Shape& shape);   // 1 for a scalar
std::string to_string(const Shape& shape);  // "[3, 576]"

}  // namespace troupe
