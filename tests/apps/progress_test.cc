#include "apps/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace troupe {
namespace {

const StepReport kStep = {"ppo", 3, 12, 25, std::nullopt, 0.5123, 0.02134, 1240.4};

std::string read_all(int file_descriptor) {
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = read(file_descriptor, buffer, sizeof buffer)) > 0;) out.append(buffer, n);
  return out;
}

TEST(ProgressTest, ALineHoldsWhatIsKnownAndTheTimeLeft) {
  EXPECT_EQ(progress_line(kStep), "ppo 3/12  reward 0.512  kl 0.0213  1240 tokens/s  75 s left");
  EXPECT_EQ(progress_line({"sft", 180, 180, 20, 0.25}), "sft 180/180  loss 0.2500");
}

TEST(ProgressTest, ABarFitsTheTerminal) {
  EXPECT_THAT(progress_line(kStep, 200),
              testing::StartsWith("ppo [======                  ] 3/12"));
  for (int columns : {2, 20, 60, 80}) EXPECT_LT(progress_line(kStep, columns).size(), columns);
}

TEST(ProgressTest, DurationsHaveAFittingUnit) {
  EXPECT_EQ(duration_text(89.4), "89 s");
  EXPECT_EQ(duration_text(600), "10 min");
  EXPECT_EQ(duration_text(9000), "2.5 h");
}

TEST(ProgressTest, APipeGetsPlainLines) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Progress progress(ends[1]);
    progress.show(kStep);
    progress.note("saved");
  }
  close(ends[1]);
  EXPECT_EQ(read_all(ends[0]), progress_line(kStep) + "\nsaved\n");
  close(ends[0]);
}

TEST(ProgressTest, ATerminalGetsOneLineThatIsRedrawn) {
  int master = 0, terminal = 0;
  if (openpty(&master, &terminal, nullptr, nullptr, nullptr) != 0)
    GTEST_SKIP() << "no terminal is to be had: " << std::strerror(errno);
  {
    Progress progress(terminal);
    progress.show(kStep);
    progress.note("saved");
  }
  close(terminal);
  const std::string bar = progress_line(kStep, 80);
  EXPECT_EQ(read_all(master), "\r\x1b[K" + bar + "\r\x1b[Ksaved\r\n" + bar + "\r\n");
  close(master);
}

}  // namespace
}  // namespace troupe
