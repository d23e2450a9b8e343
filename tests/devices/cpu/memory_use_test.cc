#include "devices/cpu/memory_use.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "devices/cpu/buffer.h"

namespace troupe {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

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
