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

// The kernel lets go of the lock of one who dies.
class Lock {
 public:
  explicit Lock(int descriptor) : descriptor_(descriptor) {
    while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Lock() { flock(descriptor_, LOCK_UN); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

size_t size_of(int descriptor) {
  struct stat status {};
  fstat(descriptor, &status);
  return static_cast<size_t>(status.st_size);
}

struct flock byte_of(int number) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = number;
  lock.l_len = 1;
  return lock;
}

}  // namespace

SharedMapping::SharedMapping(std::string path, size_t num_bytes, const Join& join)
    : path_(std::move(path)),
      num_bytes_(num_bytes),
      descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  const std::string reason = std::strerror(errno);
  CHECK(descriptor_ >= 0, path_, reason);
  try {
    const Lock lock(descriptor_);
    map();
    if (join(*this)) remove_name();
  } catch (...) {
    unmap();
    throw;
  }
}

SharedMapping::~SharedMapping() {
  unmap();
}

void SharedMapping::map() {
  if (size_of(descriptor_) == 0) {  // now, since a page that is not there later ends the process
    const int failed = posix_fallocate(descriptor_, 0, static_cast<off_t>(num_bytes_));
    const std::string reason = std::strerror(failed);
    CHECK(failed == 0, path_, num_bytes_, reason);
  }
  CHECK(size_of(descriptor_) == num_bytes_, path_, size_of(descriptor_), num_bytes_);
  void* data = mmap(nullptr, num_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  const std::string reason = std::strerror(errno);
  CHECK(data != MAP_FAILED, path_, num_bytes_, reason);
  data_ = data;
}

// The lock on a claimed number goes with the last of both.
void SharedMapping::unmap() {
  if (data_ != nullptr) munmap(data_, num_bytes_);
  close(descriptor_);
}

bool SharedMapping::claim(int number) const {
  struct flock lock = byte_of(number);
  return fcntl(descriptor_, F_OFD_SETLK, &lock) == 0;
}

bool SharedMapping::is_claimed(int number) const {
  struct flock lock = byte_of(number);
  return fcntl(descriptor_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void SharedMapping::remove_name() const {
  unlink(path_.c_str());
}

}  // namespace troupe
