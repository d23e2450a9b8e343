#include "devices/cpu/core_lease.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

namespace troupe {
namespace {

class CoreLeaseTest : public testing::Test {
 protected:
  CoreLeaseTest() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~CoreLeaseTest() override { std::filesystem::remove_all(folder); }

  std::string folder;
};

TEST_F(CoreLeaseTest, NoMoreComputeAtOnceThanThereAreCores) {
  std::atomic<int> computing = 0, most = 0, done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      CoreGate gate(folder, 2);  // its own, as in a process of its own
      for (int j = 0; j < 50; ++j) {
        CoreLease lease(gate);
        int now = ++computing;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --computing;
        ++done;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 300);
  EXPECT_LE(most, 2);
}

TEST_F(CoreLeaseTest, AKilledProcessGivesItsLeaseBack) {
  int started[2];
  ASSERT_EQ(pipe(started), 0);
  pid_t child = fork();
  if (child == 0) {
    CoreGate gate(folder, 1);
    CoreLease lease(gate);
    (void)!write(started[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(started[0], &byte, 1), 1);
  CoreGate gate(folder, 1);
  std::atomic<bool> leased = false;
  std::thread waiter([&] {
    CoreLease lease(gate);
    leased = true;
  });
  EXPECT_FALSE(leased);
  kill(child, SIGKILL);
  waiter.join();
  EXPECT_TRUE(leased);
  waitpid(child, nullptr, 0);
  close(started[0]);
  close(started[1]);
}

TEST_F(CoreLeaseTest, WithoutALimitALeaseTouchesNoFile) {
  CoreGate gate(folder, 0);
  CoreLease first(gate), second(gate);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace troupe
