#include "devices/cpu/shared_memory_group.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/devices/ranks.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using testing::HasSubstr;

SharedMemoryGroupOptions member(const TemporaryFolder& folder, int rank, int size) {
  return {.group = "policy/pp0 tensor",
          .folder = folder.path(),
          .name = "tensor",
          .rank = rank,
          .size = size};
}

SharedMemoryGroupOptions impatient(SharedMemoryGroupOptions options) {
  options.deadline = std::chrono::milliseconds(50);
  return options;
}

Ranks group_of(const TemporaryFolder& folder, int size) {
  Ranks ranks;
  for (int rank = 0; rank < size; ++rank)
    ranks.push_back(std::make_unique<SharedMemoryGroup>(member(folder, rank, size)));
  return ranks;
}

RC_GTEST_PROP(SharedMemoryGroupTest, EveryCallGivesTheReferencesBits, ()) {
  const TemporaryFolder folder;
  const auto calls = any_calls(*rc::gen::inRange(1, 9), 300);
  auto ranks = group_of(folder, calls.size());
  at_once(ranks, [&](Communicator& group) { expect_all(group, calls); });
}

TEST(SharedMemoryGroupTest, ArraysOfManyChunksGiveTheReferencesBits) {
  const TemporaryFolder folder;
  for (int size : {2, 3, 8}) {
    AnyCalls calls{static_cast<uint64_t>(size), {}, {0}};
    for (int rank = 0; rank < size; ++rank) {
      calls.presences.push_back(rank == 1 ? Presence::absent : Presence::present);
      calls.borders.push_back(calls.borders.back() + 200'001 / size + 7919 * rank);
    }
    auto ranks = group_of(folder, size);
    at_once(ranks, [&](Communicator& group) { expect_all(group, calls); });
  }
}

// `body` runs in a process of its own; what it throws ends the process with 1.
template <class Body>
pid_t process_of(Body&& body) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    body();
  } catch (const std::exception& error) {
    fprintf(stderr, "%s\n", error.what());
    _exit(1);
  }
  _exit(0);
}

TEST(SharedMemoryGroupTest, ProcessesGiveTheReferencesBits) {
  const TemporaryFolder folder;
  const int size = 3;
  const AnyCalls calls{5, std::vector(3, Presence::present), {0, 70'001, 70'001, 200'000}};
  std::vector<pid_t> children;
  for (int rank = 0; rank < size; ++rank)
    children.push_back(process_of([&] {
      SharedMemoryGroup group(member(folder, rank, size));
      for (int i = 0; i < 3; ++i) expect_all(group, calls);
    }));
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, BytesSentAreThoseOfAReduceScatterAndAnAllGather) {
  const TemporaryFolder folder;
  auto ranks = group_of(folder, 4);
  at_once(ranks, [](Communicator& group) {
    std::vector<float> values(4096, 1);
    group.all_reduce(values);
    EXPECT_EQ(group.bytes_sent(), 2 * 3 * 1024 * 4);
  });
}

TEST(SharedMemoryGroupTest, OnceAllHaveComeNoFileIsLeft) {
  const TemporaryFolder folder;
  auto ranks = group_of(folder, 3);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, AGroupThatNeverCameTogetherLeavesNoFile) {
  const TemporaryFolder folder;
  { const SharedMemoryGroup first(member(folder, 0, 2)); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, WhoDoesNotComeIsNamed) {
  const TemporaryFolder folder;
  SharedMemoryGroup group(impatient(member(folder, 0, 3)));
  const SharedMemoryGroup silent(member(folder, 2, 3));
  std::vector<float> values(12);
  const auto error = error_of([&] { group.all_reduce(values, Presence::present); });
  EXPECT_THAT(error, HasSubstr("policy/pp0 tensor"));
  EXPECT_THAT(error, HasSubstr("call 1, all_reduce of 12 f32"));
  EXPECT_THAT(error, HasSubstr("rank 1 (has not come), rank 2 (is at call 0)"));
  EXPECT_THAT(error_of([&] { group.barrier(); }), HasSubstr("has_failed_before"));
}

// Long before the deadline, which is a minute.
TEST(SharedMemoryGroupTest, NobodyWaitsForARankThatHasLeft) {
  const TemporaryFolder folder;
  auto ranks = group_of(folder, 3);
  const auto errors = errors_of(ranks, [&](Communicator& group) {
    group.barrier();
    if (group.rank() == 1)
      ranks[1].reset();
    else
      group.barrier();
  });
  EXPECT_EQ(errors[1], "");
  for (int rank : {0, 2}) EXPECT_THAT(errors[rank], HasSubstr("rank 1 (has left)"));
}

// Long before the deadline, which is a minute.
TEST(SharedMemoryGroupTest, ARankThatIsKilledIsNamedAndLeavesNoFile) {
  const TemporaryFolder folder;
  const pid_t child = process_of([&] {
    SharedMemoryGroup tensor(member(folder, 1, 2));
    SharedMemoryGroup(
        {.group = "data", .folder = folder.path(), .name = "data", .rank = 1, .size = 2})
        .barrier();
    tensor.barrier();
    pause();
  });
  SharedMemoryGroup tensor(member(folder, 0, 2));
  SharedMemoryGroup(
      {.group = "data", .folder = folder.path(), .name = "data", .rank = 0, .size = 2})
      .barrier();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const auto error = error_of([&] {
    tensor.barrier();
    tensor.barrier();
  });
  EXPECT_THAT(error, HasSubstr("group \"policy/pp0 tensor\""));
  EXPECT_THAT(error, HasSubstr("for rank 1 (has died at call"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, WhatTheDeadHaveLeftIsTakenAsNew) {
  const TemporaryFolder folder;
  const pid_t child = process_of([&] {
    const SharedMemoryGroup group(member(folder, 1, 2));
    kill(getpid(), SIGKILL);
  });
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(std::filesystem::is_empty(folder.path()));
  auto ranks = group_of(folder, 2);
  at_once(ranks, [](Communicator& group) { group.barrier(); });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SharedMemoryGroupTest, CallsThatDisagreeAreToldApart) {
  const TemporaryFolder folder;
  auto ranks = group_of(folder, 3);
  const auto errors = errors_of(ranks, [](Communicator& group) {
    std::vector<float> values(group.rank() == 1 ? 8u : 12u);
    if (group.rank() == 2)
      group.barrier();
    else
      group.all_reduce(values);
  });
  for (const auto& error : errors) {
    EXPECT_THAT(error, HasSubstr("rank 0: call 1, all_reduce of 12 f32"));
    EXPECT_THAT(error, HasSubstr("rank 1: call 1, all_reduce of 8 f32"));
    EXPECT_THAT(error, HasSubstr("rank 2: call 1, barrier"));
  }
}

TEST(SharedMemoryGroupTest, BordersThatDisagreeAreRefused) {
  const TemporaryFolder folder;
  auto ranks = group_of(folder, 2);
  const auto errors = errors_of(ranks, [](Communicator& group) {
    const std::vector<float> values(8);
    const std::vector<int64_t> borders = {0, group.rank() == 0 ? 3 : 4, 8};
    std::vector<float> own(group.rank() == 0 ? 3 : 4);
    group.reduce_scatter(values, borders, own);
  });
  for (const auto& error : errors) EXPECT_THAT(error, HasSubstr("make different calls"));
}

TEST(SharedMemoryGroupTest, BordersThatDoNotFitAreRefusedWithTheirValues) {
  const TemporaryFolder folder;
  SharedMemoryGroup group(member(folder, 0, 1));
  const std::vector<float> values(8);
  std::vector<float> own(8);
  const auto reduce = [&](const std::vector<int64_t>& borders) {
    return error_of([&] { group.reduce_scatter(values, borders, own, Presence::present); });
  };
  EXPECT_THAT(reduce({0, 9}), HasSubstr("borders.back() = 9, count = 8"));
  EXPECT_THAT(reduce({1, 8}), HasSubstr("borders.front() = 1"));
  EXPECT_THAT(reduce({0, 4, 8}), HasSubstr("borders.size() = 3"));
}

TEST(SharedMemoryGroupTest, ARankThatComesTwiceIsRefused) {
  const TemporaryFolder folder;
  const SharedMemoryGroup first(member(folder, 0, 2));
  EXPECT_THROW(SharedMemoryGroup(member(folder, 0, 2)), Error);
  EXPECT_THROW(SharedMemoryGroup(member(folder, 1, 3)), Error);
  EXPECT_NO_THROW(SharedMemoryGroup(member(folder, 1, 2)));
}

// The first rank cannot go on until its wait has let the second one start.
TEST(SharedMemoryGroupTest, AWaitLetsGoOfWhatOthersNeed) {
  const TemporaryFolder folder;
  std::atomic<bool> may_start = false;
  std::atomic<int> depth = 0;
  auto options = member(folder, 0, 2);
  options.before_wait = [&] {
    ++depth;
    may_start = true;
    may_start.notify_all();
  };
  options.after_wait = [&] { --depth; };
  SharedMemoryGroup group(options);
  std::jthread second([&] {
    may_start.wait(false);
    SharedMemoryGroup(member(folder, 1, 2)).barrier();
  });
  group.barrier();
  EXPECT_EQ(depth, 0);
  EXPECT_TRUE(may_start);
}

}  // namespace
}  // namespace troupe
