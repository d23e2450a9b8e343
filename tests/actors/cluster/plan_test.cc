#include "actors/cluster/plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

ClusterPlan two_nodes() {
  return {.nodes = {{"trainer-0", "ipc://a", 2}, {"rollout-0", "tcp://127.0.0.1:5000", 0}},
          .actors = {{"policy/pp0", "stage", "trainer-0", R"({"stage": 0})"},
                     {"rollout/0", "rollout", "rollout-0", ""}}};
}

TEST(ClusterPlanTest, JsonKeepsEveryField) {
  auto plan = plan_from_json(to_json(two_nodes()));
  ASSERT_EQ(plan.nodes.size(), 2);
  EXPECT_EQ(plan.nodes[0].name, "trainer-0");
  EXPECT_EQ(plan.nodes[0].compute_threads, 2);
  EXPECT_EQ(plan.nodes[1].endpoint, "tcp://127.0.0.1:5000");
  ASSERT_EQ(plan.actors.size(), 2);
  EXPECT_EQ(plan.actors[0].full_address(), "policy/pp0@trainer-0");
  EXPECT_EQ(plan.actors[0].kind, "stage");
  EXPECT_EQ(plan.actors[0].config, R"({"stage": 0})");
  EXPECT_EQ(to_json(plan), to_json(two_nodes()));
}

TEST(ClusterPlanTest, AnActorOnAnUnknownNodeIsNamed) {
  auto plan = two_nodes();
  plan.actors[1].node = "nowhere";
  try {
    plan.check();
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("nowhere"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("rollout/0"), std::string::npos) << e.what();
  }
}

TEST(ClusterPlanTest, DuplicatesAndNamesThatNoFileCanHaveAreRefused) {
  auto plan = two_nodes();
  plan.nodes[1].name = "trainer-0";
  EXPECT_THROW(plan.check(), Error);
  plan = two_nodes();
  plan.nodes[1].name = "../rollout";
  EXPECT_THROW(plan.check(), Error);
  plan = two_nodes();
  plan.actors[1].address = "policy/pp0";
  EXPECT_THROW(plan.check(), Error);
}

TEST(ClusterPlanTest, MalformedTextIsAnError) {
  EXPECT_THROW(plan_from_json("{"), Error);
  EXPECT_THROW(plan_from_json(R"({"nodes": [{"name": 3}], "actors": []})"), Error);
}

TEST(ClusterPlanTest, OneProcessKeepsAddresses) {
  auto plan = two_nodes().in_one_process();
  plan.check();
  EXPECT_EQ(plan.nodes.size(), 1);
  EXPECT_EQ(plan.find("rollout/0")->full_address(), "rollout/0@launcher");
}

}  // namespace
}  // namespace troupe
