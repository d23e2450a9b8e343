#include "devices/cpu/buffer.h"

#include <cstring>

#include "base/error.h"

namespace troupe {

Buffer::Buffer(size_t num_bytes) : num_bytes_(num_bytes) {
  constexpr size_t kAlignment = 64;
  const size_t rounded = (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
  memory_.reset(std::aligned_alloc(kAlignment, rounded + kAlignment));
  CHECK(memory_ != nullptr, num_bytes);
}

void Buffer::fill_zero() {
  if (num_bytes_ > 0) std::memset(memory_.get(), 0, num_bytes_);
}

}  // namespace troupe
