// Memory for tensors: aligned to a cache line, owned by one holder.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace troupe {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t num_bytes);  // contents are undefined

  void* data() const { return memory_.get(); }
  size_t num_bytes() const { return num_bytes_; }
  void fill_zero();
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_.get());
  }

 private:
  std::unique_ptr<void, decltype(&std::free)> memory_ = {nullptr, &std::free};
  size_t num_bytes_ = 0;
};

}  // namespace troupe
