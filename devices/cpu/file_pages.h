// Pages of a file without a name: what lies there is read and written as memory is, but leaves
// resident memory when told to, and the file goes with its holder, however that ends.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace troupe {

class FilePages {
 public:
  FilePages() = default;
  // All zero. Throws an Error that names the folder when the file cannot be there.
  FilePages(const std::string& folder, size_t num_bytes);
  ~FilePages();
  FilePages(FilePages&& other) noexcept { swap(other); }
  FilePages& operator=(FilePages&& other) noexcept {
    FilePages(std::move(other)).swap(*this);
    return *this;
  }

  void* data() const { return data_; }
  size_t num_bytes() const { return num_bytes_; }
  // Everything goes to the file; the next access fetches it.
  void leave_memory() const;

 private:
  void swap(FilePages& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(num_bytes_, other.num_bytes_);
  }

  void* data_ = nullptr;
  size_t num_bytes_ = 0;
};

}  // namespace troupe
