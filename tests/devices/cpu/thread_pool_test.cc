#include "devices/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/error.h"

namespace troupe {
namespace {

// How often each item of [0, count) was in somebody's range.
std::vector<int> visits(ThreadPool& pool, int64_t count) {
  std::vector<int> visits(count, 0);
  pool.parallel(count, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) ++visits[i];
  });
  return visits;
}

TEST(ThreadPoolTest, EveryItemIsInOneRange) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (const int64_t count : {0, 1, 2, 7, 8, 1000})
      EXPECT_EQ(visits(pool, count), std::vector<int>(count, 1)) << threads << " " << count;
  }
}

TEST(ThreadPoolTest, RefusesNumbersOfThreadsThatCannotBe) {
  for (const int threads : {-1, 0, 1025}) EXPECT_THROW(ThreadPool{threads}, Error) << threads;
}

// Whatever ranges they start with, empty ones too.
TEST(ThreadPoolTest, ThreadsStartWithTheRangesThatTheyAreGivenAndShareThem) {
  ThreadPool pool(3);
  for (const std::vector<int64_t>& borders :
       {std::vector<int64_t>{0, 0, 0, 0}, {0, 5, 5, 90}, {0, 0, 70, 70}, {0, 1, 2, 3}}) {
    std::vector<int> each(borders.back(), 0);
    pool.parallel(borders, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) ++each[i];
    });
    EXPECT_EQ(each, std::vector<int>(borders.back(), 1));
  }
  EXPECT_THROW(pool.parallel(std::vector<int64_t>{0, 1}, [](int64_t, int64_t, int) {}), Error);
}

// 41 items are shares of 20 and 21.
TEST(ThreadPoolTest, RangesAreNotSmallerThanAsked) {
  ThreadPool pool(2);
  for (const int64_t least : {1, 7, 10, 30}) {
    std::vector<int> each(41, 0);
    std::atomic<int64_t> smallest = 41;
    pool.parallel(
        41,
        [&](int64_t begin, int64_t end, int) {
          for (int64_t i = begin; i < end; ++i) ++each[i];
          int64_t seen = smallest;
          while (end - begin < seen && !smallest.compare_exchange_weak(seen, end - begin)) continue;
        },
        least);
    EXPECT_EQ(each, std::vector<int>(41, 1)) << least;
    EXPECT_GE(smallest, std::min<int64_t>(least, 20)) << least;
  }
}

// The others end all of a range but the piece whose owner is held up until they have.
TEST(ThreadPoolTest, AThreadThatIsHeldUpLosesItsRangeToTheOthers) {
  ThreadPool pool(4);
  std::atomic<int64_t> done = 0;
  std::atomic<bool> somebody_is_held_up = false;
  constexpr int64_t kCount = 64;
  pool.parallel(kCount, [&](int64_t begin, int64_t end, int) {
    if (!somebody_is_held_up.exchange(true))
      while (done < kCount - (end - begin)) std::this_thread::yield();
    done += end - begin;
  });
  EXPECT_EQ(done, kCount);
}

// Calls that follow at once find the threads looking out; after a pause they are asleep.
TEST(ThreadPoolTest, ThreadsWakeAndLookOutThroughThousandsOfCalls) {
  ThreadPool pool(4);
  for (int call = 0; call < 5000; ++call) {
    if (call % 500 == 0) {  // longer than a thread looks out
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(3);
      while (std::chrono::steady_clock::now() < end) {
      }
    }
    ASSERT_EQ(visits(pool, 16), std::vector<int>(16, 1)) << call;
  }
}

TEST(ThreadPoolTest, CallersTakeTurns) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(4, 0);
  for (int64_t& sum : sums)
    callers.emplace_back([&pool, &sum] {
      for (int call = 0; call < 500; ++call) {
        const auto each = visits(pool, 30);
        sum += std::accumulate(each.begin(), each.end(), int64_t{0});
      }
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(sums, std::vector<int64_t>(4, 500 * 30));
}

TEST(ThreadPoolTest, AnErrorOfAnyThreadReachesTheCallerAndThePoolGoesOn) {
  ThreadPool pool(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    const auto body = [&](int64_t begin, int64_t, int) {
      if (begin == thrower) throw Error("item " + std::to_string(begin));
    };
    try {
      pool.parallel(3, body);
      FAIL() << thrower;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "item " + std::to_string(thrower));
    }
    EXPECT_EQ(visits(pool, 9), std::vector<int>(9, 1));
  }
}

}  // namespace
}  // namespace troupe
