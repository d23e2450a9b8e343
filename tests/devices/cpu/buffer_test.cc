#include "devices/cpu/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

TEST(BufferTest, LiesOnACacheLineAndLargeOnesOnAHugePage) {
  for (const size_t size : {1, 100, 1 << 20, (2 << 20) - 1})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Buffer(size).data()) % 64, 0u) << size;
  for (const size_t size : {2 << 20, (5 << 20) + 3})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Buffer(size).data()) % (2 << 20), 0u) << size;
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

TEST(MemoryUseTest, CountsByClassWhatIsThereAndWhatWasAtMost) {
  const auto use_of = [](MemoryClass memory_class) {
    return memory_use().current[static_cast<int>(memory_class)];
  };
  reset_memory_peaks();
  const int64_t before = use_of(MemoryClass::gradients);
  {
    const Buffer first(4 * kMiB, MemoryClass::gradients);
    Buffer second(3 * kMiB, MemoryClass::gradients);
    second = Buffer(kMiB, MemoryClass::gradients);  // the new one is made before the old one goes
    EXPECT_EQ(use_of(MemoryClass::gradients) - before, 5 * kMiB);
  }
  EXPECT_EQ(use_of(MemoryClass::gradients), before);
  EXPECT_EQ(memory_use().peak_of(MemoryClass::gradients) - before, 8 * kMiB);
  EXPECT_GE(memory_use().total_peak, 8 * kMiB);
  reset_memory_peaks();
  EXPECT_EQ(memory_use().peak_of(MemoryClass::gradients), before);
}

TEST(MemoryUseTest, CountsWhatManyThreadsTake) {
  const auto before = memory_use().current;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int round = 0; round < 200; ++round) Buffer(1000, MemoryClass::kv_cache);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(memory_use().current, before);
}

}  // namespace
}  // namespace troupe
