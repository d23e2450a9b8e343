#include "devices/cpu/file_pages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace troupe {
namespace {

int64_t resident_bytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(FilePagesTest, KeepWhatIsWrittenWhileOutOfMemory) {
  constexpr size_t kSize = size_t{64} << 20;
  const FilePages pages(std::filesystem::temp_directory_path(), kSize);
  auto* bytes = static_cast<unsigned char*>(pages.data());
  EXPECT_EQ(bytes[kSize - 1], 0);
  const int64_t before = resident_bytes();
  std::memset(bytes, 7, kSize);
  EXPECT_GT(resident_bytes() - before, int64_t{32} << 20);
  pages.leave_memory();
  EXPECT_LT(resident_bytes() - before, int64_t{4} << 20);
  for (size_t at = 0; at < kSize; at += 4096) ASSERT_EQ(bytes[at], 7) << at;
}

TEST(FilePagesTest, NameTheFolderThatIsNotThere) {
  try {
    FilePages("/no/such/folder", 10);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/folder"), std::string::npos);
  }
}

}  // namespace
}  // namespace troupe
