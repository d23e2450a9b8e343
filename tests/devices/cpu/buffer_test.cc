#include "devices/cpu/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "base/error.h"

namespace troupe {
namespace {

TEST(BufferTest, LiesOnACacheLineAndLargeOnesOnAHugePage) {
  for (const size_t size : {1, 100, 1 << 20, (2 << 20) - 1})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Buffer(size).data()) % 64, 0u) << size;
  for (const size_t size : {2 << 20, (5 << 20) + 3})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Buffer(size).data()) % (2 << 20), 0u) << size;
}

TEST(BufferTest, ThoseThatStayShareHugePagesWithTheirClass) {
  constexpr size_t kSize = 3'000'000;
  const Buffer a(kSize, MemoryClass::weights), other(kSize, MemoryClass::gradients),
      b(kSize, MemoryClass::weights);
  EXPECT_EQ(b.as<char>() - a.as<char>(), 3'000'000 + 64);
  EXPECT_EQ(memory_use().current[static_cast<int>(MemoryClass::weights)], 2 * kSize);
  EXPECT_EQ(memory_use().current[static_cast<int>(MemoryClass::gradients)], kSize);
}

TEST(BufferTest, HoldsWhatIsWrittenFromEndToEnd) {
  for (const size_t size : {3, 1 << 20, 7 << 20}) {
    Buffer buffer(size);
    buffer.fill_zero();
    buffer.as<char>()[size - 1] = 5;
    Buffer moved = std::move(buffer);
    EXPECT_EQ(moved.as<char>()[0], 0);
    EXPECT_EQ(moved.as<char>()[size - 1], 5);
    EXPECT_EQ(moved.num_bytes(), size);
  }
}

TEST(BufferTest, SaysHowMuchItCouldNotGet) {
  EXPECT_THROW(Buffer(size_t{1} << 60), Error);
}

}  // namespace
}  // namespace troupe
