// The launcher itself, as a process: what its nodes do when it is killed or told to stop.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "actors/cluster/child_process.h"

namespace troupe {
namespace {

constexpr int kLimitMs = 20000;

class LauncherTest : public testing::Test {
 protected:
  LauncherTest() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    run_dir = mkdtemp(pattern.data());
    // Orphaned nodes become ours to wait for, so that their end is an event and not a guess.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  ~LauncherTest() override {
    if (!reaped) {
      kill(launcher, SIGKILL);
      waitpid(launcher, nullptr, 0);
    }
    if (out >= 0) close(out);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    std::filesystem::remove_all(run_dir);
  }

  // Starts the launcher and waits until its nodes are ready.
  void start() {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    auto program = own_program();
    launcher = fork();
    if (launcher == 0) {
      dup2(ends[1], 1);
      execl(program.c_str(), program.c_str(), "launch", run_dir.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    out = ends[0];
    std::istringstream line(read_line());
    std::string word;
    line >> word;
    ASSERT_EQ(word, "ready");
    for (pid_t pid = 0; line >> pid;) nodes.push_back(pid);
    ASSERT_EQ(nodes.size(), 2);
  }

  std::string read_line() {
    std::string line;
    for (char c = 0; c != '\n'; line += c) {
      pollfd source{out, POLLIN, 0};
      if (poll(&source, 1, kLimitMs) <= 0 || read(out, &c, 1) != 1) return line;
    }
    return line;
  }

  int wait_for_launcher() {
    int status = 0;
    waitpid(launcher, &status, 0);
    reaped = true;
    return status;
  }

  std::string run_dir;
  pid_t launcher = 0;
  std::vector<pid_t> nodes;
  int out = -1;
  bool reaped = false;
};

TEST_F(LauncherTest, NodesDieWithAKilledLauncher) {
  ASSERT_NO_FATAL_FAILURE(start());
  kill(launcher, SIGKILL);
  wait_for_launcher();
  alarm(kLimitMs / 1000);  // a node that stays makes this test fail by SIGALRM
  for (auto node : nodes) {
    int status = 0;
    EXPECT_EQ(waitpid(node, &status, 0), node);
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  alarm(0);
}

TEST_F(LauncherTest, SigtermStopsTheRunInOrder) {
  ASSERT_NO_FATAL_FAILURE(start());
  kill(launcher, SIGTERM);
  EXPECT_EQ(read_line(), "stopped by signal 15\n");
  auto status = wait_for_launcher();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  for (auto node : nodes) EXPECT_NE(kill(node, 0), 0) << node;
}

TEST_F(LauncherTest, AKilledNodeEndsItWithStatusOneAndTheReport) {
  ASSERT_NO_FATAL_FAILURE(start());
  kill(nodes[0], SIGKILL);
  EXPECT_NE(read_line().find("node-0"), std::string::npos);
  auto status = wait_for_launcher();
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(kill(nodes[1], 0), 0);
}

}  // namespace
}  // namespace troupe
