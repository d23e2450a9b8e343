#include "storage/inspect/topology.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"

namespace troupe {
namespace {

// The coordinator on "launcher" sends to a stage on "trainer-0", which has a message waiting.
std::vector<NodeRecord> two_nodes() {
  NodeRecord trainer{.node = "trainer-0", .pid = 20, .host = "h", .system = "B", .step = 3};
  trainer.actors.push_back({.id = 5,
                            .address = "policy/pp0",
                            .kind = "stage",
                            .mailbox_depth = 1,
                            .oldest_message_ns = 2'500'000,
                            .lifetime_ns = 1000,
                            .edges = {{"A", 7, "troupe.RunStep", 4, 250, 2000, 9000},
                                      {"A", 99, "troupe.Probe", 1, 1, 1, 1},
                                      {"", 0, "troupe::TensorMessage", 2, 0, 1, 1, "policy/pp1"}}});
  NodeRecord launcher{.node = "launcher", .pid = 10, .host = "h", .system = "A", .final = true};
  launcher.actors.push_back({.id = 7, .address = "coordinator", .kind = "coordinator"});
  launcher.actors.push_back({.id = 8, .address = "critic/pp0", .exit_reason = "no memory"});
  return {trainer, launcher};
}

bool nobody_lives(const NodeRecord&) {
  return false;
}
bool all_live(const NodeRecord&) {
  return true;
}

TEST(TopologyTest, SendersInOtherProcessesAreNamed) {
  auto topology = build_topology(two_nodes(), all_live);
  ASSERT_EQ(topology.edges.size(), 3);
  EXPECT_EQ(topology.edges[0].from, "coordinator");
  EXPECT_EQ(topology.edges[0].to, "policy/pp0");
  EXPECT_EQ(topology.edges[0].count, 4);
  EXPECT_EQ(topology.edges[0].p99_us, 9.0);
  EXPECT_EQ(topology.edges[1].from, "?");
}

TEST(TopologyTest, TensorsNameTheirSendersThemselves) {
  auto topology = build_topology(two_nodes(), all_live);
  EXPECT_EQ(topology.edges.at(2).from, "policy/pp1");
  EXPECT_EQ(topology.edges[2].to, "policy/pp0");
}

TEST(TopologyTest, ANodeWithoutALastRecordIsRunningOrLost) {
  EXPECT_EQ(build_topology(two_nodes(), all_live).nodes[1].state, "running");
  auto killed = build_topology(two_nodes(), nobody_lives);
  EXPECT_EQ(killed.nodes[0].state, "ended");
  EXPECT_EQ(killed.nodes[1].state, "lost");
  EXPECT_EQ(killed.actors[1].state, "failed");
  EXPECT_EQ(killed.actors[2].state, "lost");
}

TEST(TopologyTest, AnActorsShareOfTimeAndWaitingMessagesAreShown) {
  auto stage = build_topology(two_nodes(), all_live).actors[2];
  EXPECT_EQ(stage.handled, 7);
  EXPECT_DOUBLE_EQ(stage.busy_share, 0.251);
  EXPECT_EQ(stage.mailbox_depth, 1);
  EXPECT_DOUBLE_EQ(stage.oldest_message_ms, 2.5);
  EXPECT_EQ(stage.role, "policy");
}

TEST(TopologyTest, JsonHoldsNodesActorsAndEdges) {
  auto json = nlohmann::json::parse(to_json(build_topology(two_nodes(), all_live)));
  EXPECT_EQ(json.at("nodes").at(1).at("actors").at(0), "policy/pp0");
  EXPECT_EQ(json.at("actors").at(2).at("node"), "trainer-0");
  EXPECT_EQ(json.at("edges").at(0).at("message"), "troupe.RunStep");
}

TEST(TopologyTest, TextFitsAHundredColumnsWhateverTheNames) {
  auto records = two_nodes();
  records[0].actors[0].address = std::string(300, 'x');
  records[0].node = std::string(300, 'n');
  std::istringstream text(to_text(build_topology(records, all_live)));
  int num_lines = 0;
  for (std::string line; std::getline(text, line); ++num_lines) {
    auto columns = std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; });
    EXPECT_LE(columns, 100) << line;
  }
  EXPECT_EQ(num_lines, 9);
}

TEST(TopologyTest, TextLeavesOutEdgesFromNobody) {
  auto text = to_text(build_topology(two_nodes(), all_live));
  EXPECT_NE(text.find("RunStep"), text.npos) << text;
  EXPECT_EQ(text.find("?"), text.npos) << text;
}

TEST(TopologyTest, DotDrawsOneLineForAQuestionAndItsAnswer) {
  auto records = two_nodes();
  records[1].actors[0].edges.push_back({"B", 5, "troupe.StepDone", 3});
  records[1].actors.push_back({.id = 9, .address = "tracer", .kind = "tracer"});
  auto dot = to_dot(build_topology(records, all_live));
  EXPECT_NE(dot.find("RunStep 4\\nStepDone 3\", dir=both"), dot.npos) << dot;
  EXPECT_EQ(dot.find("tracer@"), dot.npos) << dot;
  EXPECT_EQ(std::ranges::count(dot, '>'), 1) << dot;
}

TEST(TopologyTest, ANodesHistoryIsShown) {
  constexpr int64_t kMinute = 60'000'000'000;
  auto records = two_nodes();
  records[0].wall_time_ns = 9 * kMinute;
  const NodeLives lives = {{"trainer-0",
                            {{18, "h", "lost", kMinute, 2 * kMinute, "was killed"},
                             {20, "h", "lost", 8 * kMinute, 9 * kMinute, "fell silent"}}}};
  const auto topology = build_topology(records, nobody_lives, lives);
  const auto text = to_text(topology);
  EXPECT_NE(text.find("trainer-0 (pid 20 on h, lost, step 3, 00:08:00 to 00:09:00 UTC)\n"
                      "   fell silent\n"
                      "   before: pid 18 on h, 1970-01-01 00:01:00 to 00:02:00 UTC, was killed\n   "
                      "└─ policy/pp0"),
            text.npos)
      << text;
  const auto history = nlohmann::json::parse(to_json(topology))["nodes"][1]["history"];
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].at("started"), "1970-01-01T00:01:00Z");
  EXPECT_EQ(history[0].at("last_heard"), "1970-01-01T00:02:00Z");
  EXPECT_EQ(history[0].at("failure"), "was killed");
  EXPECT_EQ(history[1].at("state"), "lost");
}

TEST(TopologyTest, ANodesPeakMemoryIsShownByClass) {
  auto records = two_nodes();
  records[0].peak_memory = {{"weights", 3 << 20}, {"gradients", 5 << 20}, {"total", 7 << 20}};
  const auto topology = build_topology(records, all_live);
  EXPECT_NE(to_text(topology).find("peak memory 7 MiB: gradients 5, weights 3\n"),
            std::string::npos);
  const auto json = nlohmann::json::parse(to_json(topology));
  EXPECT_EQ(json["nodes"][1]["peak_memory_bytes"]["gradients"], 5 << 20);
  EXPECT_TRUE(json["nodes"][0]["peak_memory_bytes"].empty());
}

TEST(TopologyTest, AFolderThatIsNoRunIsAUsageError) {
  EXPECT_THROW(read_topology("/nonexistent"), UsageError);
}

TEST(NodeRecordTest, EveryFieldSurvivesEncoding) {
  auto before = two_nodes()[0];
  before.process_start = 77;
  before.wall_time_ns = 88;
  before.peak_memory = {{"weights", 12}};
  before.actors[0].current_handler_ns = 99;
  auto after = decode_node_record(encode(before));
  EXPECT_EQ(encode(after), encode(before));
  EXPECT_EQ(after.process_start, 77);
  EXPECT_EQ(after.wall_time_ns, 88);
  EXPECT_EQ(after.peak_memory, before.peak_memory);
  EXPECT_EQ(after.actors[0].current_handler_ns, 99);
  EXPECT_EQ(after.actors[0].edges[0].p99_ns, 9000);
  EXPECT_EQ(after.actors[0].edges[1].sender, 99);
  EXPECT_THROW(decode_node_record("short"), Error);
}

}  // namespace
}  // namespace troupe
