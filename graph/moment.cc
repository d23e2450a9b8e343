#include "graph/moment.h"

namespace troupe {

Moment::Moment(size_t num_elements, const std::optional<std::string>& folder) {
  const size_t num_bytes = num_elements * sizeof(float);
  if (num_bytes == 0) return;
  if (folder) {
    file_ = FilePages(*folder, num_bytes);
    count_memory(MemoryClass::offloaded_optimizer, static_cast<int64_t>(num_bytes));
  } else {
    memory_ = Buffer(num_bytes, MemoryClass::optimizer);
    memory_.fill_zero();
  }
}

Moment::~Moment() {
  count_memory(MemoryClass::offloaded_optimizer, -static_cast<int64_t>(file_.num_bytes()));
}

std::span<float> Moment::values() const {
  if (file_.data() != nullptr)
    return {static_cast<float*>(file_.data()), file_.num_bytes() / sizeof(float)};
  return {memory_.as<float>(), memory_.num_bytes() / sizeof(float)};
}

}  // namespace troupe
