#include "apps/plan_text.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

ClusterPlan two_nodes() {
  ClusterPlan plan;
  plan.nodes = {{.name = "trainer"}, {.name = "office"}};
  plan.actors = {{"policy/pp0", "stage", "trainer", "{}"},
                 {"ledger", "ledger", "office", "{}"},
                 {"rollout/0", "rollout_engine", "trainer", "{}"}};
  return plan;
}

TEST(PlanTextTest, EveryNodeHasItsActorsAndTheirKinds) {
  EXPECT_EQ(plan_text(two_nodes()),
            "# would start 3 actors in 2 node processes:\n"
            "#   trainer\n"
            "#     policy/pp0  stage\n"
            "#     rollout/0   rollout_engine\n"
            "#   office\n"
            "#     ledger      ledger\n");
}

TEST(PlanTextTest, OneProcessIsTheLauncherItself) {
  EXPECT_EQ(plan_text(two_nodes().in_one_process()),
            "# would start 3 actors in this process:\n"
            "#   launcher\n"
            "#     policy/pp0  stage\n"
            "#     ledger      ledger\n"
            "#     rollout/0   rollout_engine\n");
}

}  // namespace
}  // namespace troupe
