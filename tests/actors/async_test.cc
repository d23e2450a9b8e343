#include "actors/async.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

// Something to await that ends when the test says so.
struct Pending {
  std::function<void(int&&)> reply;
  std::function<void(const std::string&)> fail;
};

Async<int> doubled(Pending& pending) {
  auto asked = awaited<int>([&](auto on_reply, auto on_failure) {
    pending.reply = on_reply;
    pending.fail = on_failure;
  });
  const int value = co_await asked;
  co_return 2 * value;
}

Async<void> sum_of(std::vector<Pending>& pending, int& sum, std::string& failure) {
  std::vector<Async<int>> started;
  for (auto& one : pending) started.push_back(doubled(one));
  auto all = await_all(std::move(started));
  try {
    const std::vector<int> values = co_await all;
    for (int value : values) sum += value;
  } catch (const Error& e) {
    failure = e.what();
  }
}

class AsyncTest : public testing::Test {
 protected:
  std::vector<Pending> pending = std::vector<Pending>(2);
  int sum = 0;
  std::string failure;
};

TEST_F(AsyncTest, BothWaitAtOnceAndAnswersMayComeInAnyOrder) {
  auto running = sum_of(pending, sum, failure);
  ASSERT_TRUE(pending[0].reply && pending[1].reply);
  pending[1].reply(20);
  EXPECT_FALSE(running.await_ready());
  pending[0].reply(1);
  EXPECT_TRUE(running.await_ready());
  EXPECT_EQ(sum, 42);
}

TEST_F(AsyncTest, AFailureIsThrownOnlyWhenTheOthersHaveEnded) {
  auto running = sum_of(pending, sum, failure);
  pending[0].fail("policy/pp0: no");
  EXPECT_EQ(failure, "");
  pending[1].reply(1);
  EXPECT_TRUE(running.await_ready());
  EXPECT_EQ(failure, "policy/pp0: no");
  EXPECT_EQ(sum, 0);
}

TEST_F(AsyncTest, AFailureThatNobodyCatchesReachesWhoAwaits) {
  auto failing = doubled(pending[0]);
  pending[0].fail("gone");
  EXPECT_TRUE(failing.await_ready());
  EXPECT_THROW((void)failing.await_resume(), Error);
}

}  // namespace
}  // namespace troupe
