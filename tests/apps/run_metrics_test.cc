#include "apps/run_metrics.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

std::string text_of(const std::vector<prometheus::MetricFamily>& families) {
  return prometheus::TextSerializer().Serialize(families);
}

TEST(RunMetricsTest, NamesAreMadeLegal) {
  EXPECT_EQ(prometheus_name("actor/pg_loss"), "troupe_actor_pg_loss");
  EXPECT_EQ(prometheus_name("reward/a-b.c"), "troupe_reward_a_b_c");
}

TEST(RunMetricsTest, TheLastStepOfEachPhaseIsShown) {
  RunMetrics metrics;
  EXPECT_EQ(text_of(metrics.Collect()), "");
  metrics.add({R"({"phase":"sft","train/loss":2.5,"training/global_step":1})", 1, 8});
  metrics.add({R"({"phase":"sft","train/loss":0.5,"training/global_step":2})", 2, 8});
  metrics.add({R"({"phase":"ppo","actor/kl_loss":null,"training/global_step":1})", 1, 4});
  EXPECT_EQ(text_of(metrics.Collect()),
            "# HELP troupe_total_steps total_steps of the last step\n"
            "# TYPE troupe_total_steps gauge\n"
            "troupe_total_steps{phase=\"ppo\"} 4\n"
            "troupe_total_steps{phase=\"sft\"} 8\n"
            "# HELP troupe_train_loss train/loss of the last step\n"
            "# TYPE troupe_train_loss gauge\n"
            "troupe_train_loss{phase=\"sft\"} 0.5\n"
            "# HELP troupe_training_global_step training/global_step of the last step\n"
            "# TYPE troupe_training_global_step gauge\n"
            "troupe_training_global_step{phase=\"ppo\"} 1\n"
            "troupe_training_global_step{phase=\"sft\"} 2\n");
}

TEST(RunMetricsTest, ARunThatHasWrittenNoJournalYetShowsNoActors) {
  TemporaryFolder folder;
  RunMetrics metrics;
  metrics.set_run_dir(folder.path());
  EXPECT_EQ(text_of(metrics.Collect()), "");
}

TEST(RunMetricsTest, ActorsThatRunAreShownWithTheirMessagesAndTheirTime) {
  Topology topology;
  topology.actors = {{.address = "policy/pp0",
                      .kind = "stage",
                      .node = "a",
                      .state = "running",
                      .mailbox_depth = 2,
                      .handled = 7},
                     {.address = "ledger", .kind = "ledger", .node = "a", .state = "lost"}};
  EXPECT_TRUE(actor_families(topology).empty());  // not traced
  topology.edges = {{.to = "policy/pp0", .count = 3, .total_ms = 250},
                    {.to = "policy/pp0", .count = 4, .total_ms = 1250},
                    {.to = "ledger", .count = 1, .total_ms = 1}};
  const std::string labels = R"({address="policy/pp0",kind="stage",node="a"} )";
  const auto text = text_of(actor_families(topology));
  for (const std::string& line :
       {"troupe_mailbox_depth" + labels + "2\n", "troupe_handled_messages_total" + labels + "7\n",
        "troupe_busy_seconds_total" + labels + "1.5\n",
        std::string("# TYPE troupe_busy_seconds_total counter\n")})
    EXPECT_NE(text.find(line), text.npos) << line << text;
  EXPECT_EQ(text.find("ledger"), text.npos) << text;
}

}  // namespace
}  // namespace troupe
