#include "devices/cpu/shared_memory_group.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <thread>

#include "base/counter_tree.h"
#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using Rows = std::vector<std::vector<float>>;

// What a sum's order shows in: large and small numbers in turn.
std::vector<float> telling(int rank, int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(std::ldexp(1.0f + 0.5f * std::sin(static_cast<float>(rank * 131 + i * 17)),
                                static_cast<int>((rank * 7 + i * 3) % 5)));
  return values;
}

// body(group, rank) in a thread for each rank.
template <class Body>
void in_threads(int size, const Body& body, std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
  const TemporaryFolder folder;
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      SharedMemoryGroup group({.group = "test",
                               .folder = folder.path(),
                               .name = "group",
                               .rank = rank,
                               .size = size,
                               .deadline = deadline});
      body(group, rank);
    });
}

// The one order over ranks, one element at a time.
float reference(const Rows& rows, const std::vector<bool>& present, size_t i) {
  const auto sum = [](float a, float b) { return a + b; };
  CounterTree<float> tree;
  for (size_t rank = 0; rank < rows.size(); ++rank)
    present[rank] ? tree.add(rows[rank][i], sum) : tree.skip(sum);
  return tree.total(sum);
}

RC_GTEST_PROP(SharedMemoryGroupTest, SumsAreTheCounterTreeOfWhoIsPresent, ()) {
  const int size = *rc::gen::inRange(1, 7);
  const auto count = *rc::gen::element<int64_t>(0, 1, 3, 1023, 65536, 65537, 200001);
  auto present = *rc::gen::container<std::vector<bool>>(size, rc::gen::arbitrary<bool>());
  const bool any = std::ranges::find(present, true) != present.end();
  Rows rows, sums(size);
  for (int rank = 0; rank < size; ++rank) rows.push_back(telling(rank, count));
  in_threads(size, [&](Communicator& group, int rank) {
    auto values = rows[rank];
    const auto presence = present[rank] ? Presence::present : Presence::absent;
    const bool summed = group.all_reduce(values, presence);
    EXPECT_EQ(summed, any);
    std::vector<int64_t> borders = {0};
    for (int other = 1; other <= size; ++other) borders.push_back(count * other * other / size / size);
    auto own = std::vector<float>(borders[rank + 1] - borders[rank]);
    group.reduce_scatter(rows[rank], borders, own, presence);
    if (any) {
      EXPECT_TRUE(std::equal(own.begin(), own.end(), values.begin() + borders[rank]));
    }
    sums[rank] = values;
  });
  if (!any) return;
  for (int rank = 0; rank < size; ++rank)
    for (int64_t i = 0; i < count; i += 1 + count / 97)
      RC_ASSERT(std::bit_cast<uint32_t>(sums[rank][i]) ==
                std::bit_cast<uint32_t>(reference(rows, present, i)));
}

TEST(SharedMemoryGroupTest, ThePlantedOrderIsSeen) {
  const Rows rows = {telling(0, 64), telling(1, 64), telling(2, 64)};
  int different = 0;
  for (size_t i = 0; i < 64; ++i)
    different += rows[0][i] + (rows[1][i] + rows[2][i]) != reference(rows, {true, true, true}, i);
  EXPECT_GT(different, 0);
}

TEST(SharedMemoryGroupTest, BytesArriveWhereTheyBelong) {
  for (int size : {1, 2, 3, 5})
    in_threads(size, [&](Communicator& group, int rank) {
      for (int64_t each : {0, 1, 1000, 300'000}) {
        std::vector<int64_t> borders(size + 1, 0);
        for (int r = 0; r < size; ++r) borders[r + 1] = borders[r] + each * r + (r == 0 ? each : 0);
        std::vector<std::byte> own(borders[rank + 1] - borders[rank], std::byte(rank + 1));
        std::vector<std::byte> all(borders.back());
        group.all_gather(own, borders, all);
        for (int r = 0; r < size; ++r)
          for (int64_t i = borders[r]; i < borders[r + 1]; ++i) ASSERT_EQ(all[i], std::byte(r + 1));
        std::vector<std::byte> to_all(each * size), from_all(to_all.size());
        for (int r = 0; r < size; ++r)
          std::fill_n(to_all.begin() + r * each, each, std::byte(10 * rank + r));
        group.all_to_all(to_all, from_all);
        for (int r = 0; r < size; ++r)
          for (int64_t i = 0; i < each; ++i) ASSERT_EQ(from_all[r * each + i], std::byte(10 * r + rank));
        std::vector<std::byte> values(each, std::byte(rank));
        group.broadcast(values, size - 1);
        for (std::byte value : values) ASSERT_EQ(value, std::byte(size - 1));
        group.barrier();
      }
    });
}

TEST(SharedMemoryGroupTest, ProcessesAddAsThreadsDoAndLeaveNoFile) {
  const TemporaryFolder folder;
  constexpr int kSize = 3;
  const Rows rows = {telling(0, 100'000), telling(1, 100'000), telling(2, 100'000)};
  std::vector<pid_t> children;
  for (int rank = 0; rank < kSize; ++rank) {
    const pid_t child = fork();
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    int wrong = 0;
    {
      SharedMemoryGroup group({"test", folder.path(), "group", rank, kSize, std::chrono::seconds(20), {}, {}});
      auto values = rows[rank];
      group.all_reduce(values, Presence::present);
      for (size_t i = 0; i < values.size(); ++i)
        wrong += values[i] != reference(rows, {true, true, true}, i);
    }
    _exit(wrong == 0 ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, WhoDoesNotComeIsNamedAfterTheDeadline) {
  std::string what;
  in_threads(
      3,
      [&](Communicator& group, int rank) {
        group.barrier();
        if (rank == 1) return;
        std::vector<float> values(10);
        try {
          group.all_reduce(values, Presence::present);
        } catch (const Error& error) {
          if (rank == 0) what = error.what();
        }
      },
      std::chrono::milliseconds(200));
  EXPECT_NE(what.find("test: call 2 (all_reduce of floats) of rank 0 of 3: no sign of rank 1 within 200 ms"),
            std::string::npos)
      << what;
}

TEST(SharedMemoryGroupTest, CallsThatDisagreeAreRefused) {
  std::vector<std::string> what(2);
  in_threads(2, [&](Communicator& group, int rank) {
    std::vector<float> values(10 + rank);
    try {
      group.all_reduce(values, Presence::present);
    } catch (const Error& error) {
      what[rank] = error.what();
    }
  });
  EXPECT_NE(what[0].find("40 bytes at rank 0 and all_reduce of floats of 44 bytes at rank 1"),
            std::string::npos)
      << what[0];
  EXPECT_FALSE(what[1].empty());
}

TEST(SharedMemoryGroupTest, WhoWaitsLongLetsGoOfItsCore) {
  const TemporaryFolder folder;
  int let_go = 0, taken = 0;
  std::jthread late([&] {
    SharedMemoryGroup group({"test", folder.path(), "group", 1, 2, std::chrono::seconds(20), {}, {}});
    while (std::atomic_ref(let_go).load() == 0) std::this_thread::yield();
    group.barrier();
  });
  SharedMemoryGroup group({"test", folder.path(), "group", 0, 2, std::chrono::seconds(20),
                           [&] { ++std::atomic_ref(let_go); }, [&] { ++taken; }});
  group.barrier();
  EXPECT_GE(let_go, 1);
  EXPECT_EQ(taken, let_go);
}

}  // namespace
}  // namespace troupe
