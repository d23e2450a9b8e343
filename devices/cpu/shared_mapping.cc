#include "devices/cpu/shared_mapping.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

// The kernel lets go of the lock of one who dies. A mapping keeps the file open, and so its lock:
// it is given back apart.
class LockedFile {
 public:
  explicit LockedFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string reason = std::strerror(errno);
    CHECK(descriptor_ >= 0, path, reason);
    while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~LockedFile() {
    flock(descriptor_, LOCK_UN);
    close(descriptor_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  int descriptor() const { return descriptor_; }
  size_t size() const {
    struct stat status {};
    fstat(descriptor_, &status);
    return static_cast<size_t>(status.st_size);
  }

 private:
  int descriptor_;
};

}  // namespace

SharedMapping::SharedMapping(std::string path, size_t num_bytes,
                             const std::function<bool(void*)>& join)
    : path_(std::move(path)), num_bytes_(num_bytes) {
  const LockedFile file(path_);
  if (file.size() == 0) {  // now, since a page that is not there later would end the process
    const int failed = posix_fallocate(file.descriptor(), 0, static_cast<off_t>(num_bytes_));
    const std::string reason = std::strerror(failed);
    CHECK(failed == 0, path_, num_bytes_, reason);
  }
  CHECK(file.size() == num_bytes_, path_, file.size(), num_bytes_);
  map(file.descriptor());
  try {
    if (join(data_)) remove_name();
  } catch (...) {
    munmap(data_, num_bytes_);
    throw;
  }
}

SharedMapping::~SharedMapping() {
  munmap(data_, num_bytes_);
}

void SharedMapping::map(int descriptor) {
  data_ = mmap(nullptr, num_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const std::string reason = std::strerror(errno);
  CHECK(data_ != MAP_FAILED, path_, num_bytes_, reason);
}

void SharedMapping::remove_name() const {
  unlink(path_.c_str());
}

}  // namespace troupe
