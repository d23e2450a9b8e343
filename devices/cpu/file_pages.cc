#include "devices/cpu/file_pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

// A name for an instant: not every file system makes files without one.
int open_unnamed(const std::string& folder) {
  std::string path = folder + "/offload-XXXXXX";
  const int descriptor = mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) throw Error("no file can be made in " + folder + ": " + std::strerror(errno));
  unlink(path.c_str());
  return descriptor;
}

}  // namespace

FilePages::FilePages(const std::string& folder, size_t num_bytes) : num_bytes_(num_bytes) {
  const int descriptor = open_unnamed(folder);
  // Now, since a page that is not there later ends the process.
  const int failed = posix_fallocate(descriptor, 0, static_cast<off_t>(num_bytes));
  void* data = failed != 0
                   ? MAP_FAILED
                   : mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const std::string reason = std::strerror(failed != 0 ? failed : errno);
  close(descriptor);
  CHECK(data != MAP_FAILED, folder, num_bytes, reason);
  madvise(data, num_bytes, MADV_SEQUENTIAL);
  data_ = data;
}

FilePages::~FilePages() {
  if (data_ != nullptr) munmap(data_, num_bytes_);
}

void FilePages::leave_memory() const {
  if (data_ == nullptr) return;
  msync(data_, num_bytes_, MS_ASYNC);
  madvise(data_, num_bytes_, MADV_DONTNEED);  // of a shared mapping: nothing is lost
}

}  // namespace troupe
