// Memory for tensors: aligned to a cache line, owned by one holder, counted by what it is for.
// Large buffers come as whole pages, huge ones where the machine has them; small ones that stay,
// such as weights, share such pages.
#pragma once

#include <cstddef>
#include <utility>

#include "devices/cpu/memory_use.h"

namespace troupe {

class Buffer {
 public:
  Buffer() = default;
  // Contents are undefined. Throws an Error when the memory is not there.
  explicit Buffer(size_t num_bytes, MemoryClass memory_class = MemoryClass::scratch);
  ~Buffer();
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }

  void* data() const { return data_; }
  size_t num_bytes() const { return num_bytes_; }
  void fill_zero();
  // Makes room for so many bytes where there is less; what it held is then lost, and freed first.
  void at_least(size_t num_bytes, MemoryClass memory_class = MemoryClass::scratch) {
    if (num_bytes <= num_bytes_) return;
    *this = Buffer();
    *this = Buffer(num_bytes, memory_class);
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(num_bytes_, other.num_bytes_);
    std::swap(memory_class_, other.memory_class_);
  }

 private:
  void* data_ = nullptr;
  size_t num_bytes_ = 0;
  MemoryClass memory_class_ = MemoryClass::scratch;
};

}  // namespace troupe
