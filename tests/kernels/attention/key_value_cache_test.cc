#include "kernels/attention/key_value_cache.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "base/error.h"
#include "devices/cpu/memory_use.h"

namespace troupe {
namespace {

// Random calls against a plain map of block -> holders.
RC_GTEST_PROP(KeyValueCacheTest, CountsHoldersAsAMapDoes, ()) {
  const auto num_blocks = *rc::gen::inRange(0, 8);
  KeyValueCache cache(2, 1, 8, DType::bf16, num_blocks);
  std::map<int32_t, int> holders;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 24))) {
    if (action < 8) {
      const auto block = cache.allocate();
      RC_ASSERT(block.has_value() == (static_cast<int>(holders.size()) < num_blocks));
      if (!block) continue;
      RC_ASSERT(*block >= 0 && *block < num_blocks && !holders.count(*block));
      holders[*block] = 1;
    } else if (!holders.count(action % 8)) {
      RC_ASSERT_THROWS_AS(cache.release(action % 8), Error);
      RC_ASSERT_THROWS_AS(cache.retain(action % 8), Error);
    } else if (action < 16) {
      cache.release(action % 8);
      if (--holders[action % 8] == 0) holders.erase(action % 8);
    } else {
      cache.retain(action % 8);
      ++holders[action % 8];
    }
    RC_ASSERT(cache.num_free() == num_blocks - static_cast<int>(holders.size()));
    for (int32_t block = 0; block < num_blocks; ++block)
      RC_ASSERT(cache.num_holders(block) == (holders.count(block) ? holders[block] : 0));
  }
}

TEST(KeyValueCacheTest, LayersAndBlocksDoNotOverlap) {
  const int kLayers = 3, kHeads = 2, kBlocks = 4;
  KeyValueCache cache(kLayers, kHeads, 20, DType::f32, kBlocks);
  const auto layer_bytes = static_cast<size_t>(cache.layout().size()) * kHeads * sizeof(float);
  EXPECT_EQ(cache.layout().size(), 64 * 20 + 64 * 32);
  EXPECT_EQ(cache.bytes_per_block(), kLayers * layer_bytes);
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto* begin = static_cast<const char*>(cache.data(layer));
    EXPECT_EQ(begin - static_cast<const char*>(cache.data(0)),
              static_cast<ptrdiff_t>(layer * layer_bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(begin) % 64, 0u);
  }
}

TEST(KeyValueCacheTest, InInt8APositionOfAHeadTakesAByteAnElementAndAScale) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    KeyValueCache cache(3, 2, 40, dtype, 4, KeyValueFormat::int8);
    EXPECT_EQ(cache.bytes_per_head(), 2 * 64 * (40 + sizeof(float)));
    EXPECT_EQ(cache.bytes_per_block(), 3 * 2 * cache.bytes_per_head());
    EXPECT_EQ(static_cast<std::byte*>(cache.data(2)) - static_cast<std::byte*>(cache.data(0)),
              static_cast<std::ptrdiff_t>(2 * 2 * cache.bytes_per_head()));
  }
}

TEST(KeyValueCacheTest, CountsTheMemoryOfBlocksThatWereEverTaken) {
  const auto counted = [] { return memory_use().current[static_cast<int>(MemoryClass::kv_cache)]; };
  {
    KeyValueCache cache(2, 1, 8, DType::f32, 100);
    const auto each = static_cast<int64_t>(cache.bytes_per_block());
    EXPECT_EQ(counted(), 0);
    const int32_t first = cache.allocate().value(), second = cache.allocate().value();
    EXPECT_EQ(counted(), 2 * each);
    cache.release(second), cache.release(first);
    cache.allocate();
    EXPECT_EQ(counted(), 2 * each);
  }
  EXPECT_EQ(counted(), 0);
}

TEST(KeyValueCacheTest, RefusesWhatNoKernelReads) {
  EXPECT_THROW(KeyValueCache(1, 1, 7, DType::f32, 1), Error);
  EXPECT_THROW(KeyValueCache(1, 1, 258, DType::f32, 1), Error);
  EXPECT_THROW(KeyValueCache(1, 1, 64, DType::f16, 1), Error);
  EXPECT_THROW(KeyValueCache(1, 1, 64, DType::f32, 1).data(1), Error);
}

}  // namespace
}  // namespace troupe
