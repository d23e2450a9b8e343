#include "devices/cpu/read_ahead.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

using Bytes = std::span<const std::byte>;

constexpr int kStepBytes = 512, kMostBytes = 512 << 10;

int64_t bytes_fetched(ReadAhead& ahead, int thread) {
  int64_t bytes = 0;
  while (ahead.step(thread)) bytes += kStepBytes;
  return bytes;
}

TEST(ReadAheadTest, EachThreadFetchesItsShareOfAllPartsOnce) {
  const std::vector<std::byte> memory(24 * kStepBytes);
  const Bytes parts[] = {Bytes(memory).first(8 * kStepBytes),
                         Bytes(memory).subspan(8 * kStepBytes)};
  ReadAhead ahead(3);
  EXPECT_FALSE(ahead.step(0));
  for (int call = 0; call < 2; ++call) {
    ahead.expect(parts);
    for (const int thread : {2, 0, 1}) EXPECT_EQ(bytes_fetched(ahead, thread), 8 * kStepBytes);
    for (const int thread : {2, 0, 1}) EXPECT_FALSE(ahead.step(thread));
  }
  ahead.expect({});
  EXPECT_FALSE(ahead.step(1));
}

// What kernels take while they compute and what threads fetch while they wait is one share.
TEST(ReadAheadTest, LinesThatAKernelTakesAreThoseThatFollow) {
  constexpr int kLines = 24;
  const std::vector<std::byte> memory(40 * kStepBytes);
  const Bytes parts[] = {Bytes(memory).first(4 * kStepBytes),
                         Bytes(memory).subspan(4 * kStepBytes)};
  ReadAhead ahead(2);
  EXPECT_EQ(ahead.take(1, kLines), nullptr);
  ahead.expect(parts);
  EXPECT_EQ(ahead.take(1, kLines), memory.data() + 20 * kStepBytes);
  EXPECT_EQ(ahead.take(1, kLines), memory.data() + 20 * kStepBytes + kLines * 64);
  EXPECT_EQ(bytes_fetched(ahead, 1), 20 * kStepBytes - 2 * kLines * 64);
  EXPECT_EQ(ahead.take(1, kLines), nullptr);
  EXPECT_EQ(ahead.take(0, kLines), memory.data());
}

TEST(ReadAheadTest, FetchesNoMoreThanStaysInACache) {
  const std::vector<std::byte> memory(5 * kMostBytes);
  const Bytes part = memory;
  ReadAhead ahead(2);
  ahead.expect({&part, 1});
  EXPECT_EQ(bytes_fetched(ahead, 1), kMostBytes);
}

TEST(ReadAheadTest, LeavesOutPartsBeyondTheMostThatItKeeps) {
  const std::vector<std::byte> memory(kStepBytes);
  const std::vector<Bytes> parts(ReadAhead::kMaxParts + 3, Bytes(memory));
  ReadAhead ahead(1);
  ahead.expect(parts);
  EXPECT_EQ(bytes_fetched(ahead, 0), static_cast<int64_t>(ReadAhead::kMaxParts) * kStepBytes);
}

}  // namespace
}  // namespace troupe
