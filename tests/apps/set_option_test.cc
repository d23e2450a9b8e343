#include "apps/set_option.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

using Words = std::vector<std::string>;

TEST(SetOptionTest, EveryAssignmentGetsItsOwnOption) {
  EXPECT_EQ(one_assignment_each({"rlhf", "--set", "a.b=1", "c=2", "d_e=[x, y]", "run.yaml"}),
            (Words{"rlhf", "--set", "a.b=1", "--set", "c=2", "--set", "d_e=[x, y]", "run.yaml"}));
  EXPECT_EQ(one_assignment_each({"--set", "a=1", "b=2", "--dry-run", "--set", "c=3"}),
            (Words{"--set", "a=1", "--set", "b=2", "--dry-run", "--set", "c=3"}));
}

TEST(SetOptionTest, AFileIsNoAssignment) {
  for (const Words& words :
       {Words{"--set", "a=1", "runs/lr=1.yaml"}, Words{"--set", "a=1", "run.yaml", "b=2"},
        Words{"run.yaml", "b=2"}, Words{"--set"}, Words{"--set", "a=1", ""},
        Words{"--set", "a=1", "=2"}, Words{"--set", "not an assignment"}})
    EXPECT_EQ(one_assignment_each(words), words);
}

}  // namespace
}  // namespace troupe
