// Calls beside their beginner: in order, awaited by ticket, and never past one that failed.
#include "devices/cpu/background_calls.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

TEST(BackgroundCallsTest, CallsGoOnInOrderBesideTheirBeginner) {
  BackgroundCalls calls;
  std::promise<void> go;
  std::vector<int> done;
  calls.begin([&] { go.get_future().wait(); });
  BackgroundCalls::Ticket last = 0;
  for (int i = 0; i < 3; ++i) last = calls.begin([&, i] { done.push_back(i); });
  EXPECT_FALSE(BackgroundCalls::is_here());
  go.set_value();  // never reached if begin() waited
  calls.finish(last);
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2}));
}

TEST(BackgroundCallsTest, FinishWaitsForItsCallAloneAndLetsGoMeanwhile) {
  int num_waits = 0;
  std::promise<void> go, last;
  BackgroundCalls calls(
      [&] {
        ++num_waits;
        go.set_value();
      },
      [&] { num_waits += 10; });
  bool is_done = false, is_own = false;
  const auto ticket = calls.begin([&] {
    go.get_future().wait();
    is_own = BackgroundCalls::is_here();
    is_done = true;
  });
  calls.begin([&] { last.get_future().wait(); });
  calls.finish(ticket);
  EXPECT_TRUE(is_done && is_own);
  EXPECT_EQ(num_waits, 11);
  calls.finish(ticket);  // over at once
  EXPECT_EQ(num_waits, 11);
  last.set_value();
}

TEST(BackgroundCallsTest, NothingIsCarriedOutAfterAFailureWhichAllWhoFinishLearn) {
  BackgroundCalls calls;
  bool went_on = false;
  calls.begin([] { throw Error("link is down"); });
  const auto next = calls.begin([&] { went_on = true; });
  calls.wait_for_all();
  EXPECT_THROW(calls.finish(next), Error);
  EXPECT_FALSE(went_on);
}

}  // namespace
}  // namespace troupe
