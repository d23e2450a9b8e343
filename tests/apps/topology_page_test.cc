#include "apps/topology_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/embedded_file.h"
#include "base/error.h"

namespace troupe {
namespace {

using nlohmann::json;

RunHistory history_with(const std::string& address) {
  Topology topology;
  topology.nodes = {{.name = "office", .state = "ended", .step = 1, .actors = {address}}};
  topology.actors = {{.address = address, .kind = "ledger", .node = "office", .handled = 5}};
  topology.edges = {{.from = "?", .to = address, .message = "troupe::CommitStep", .count = 5}};
  return {.num_steps = 2, .moments = {{0, topology, std::nullopt}, {1, topology, std::nullopt}}};
}

// What the page's scripts read.
json data_in(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const auto start = page.find(begin) + begin.size();
  return json::parse(page.substr(start, page.find("</script>", start) - start));
}

TEST(TopologyPageTest, DataHasEveryMomentAndEachEdgesNameOnce) {
  const auto data = data_in(topology_page("runs/x", history_with("ledger")));
  EXPECT_EQ(data.at("run"), "runs/x");
  EXPECT_EQ(data.at("edges"), json::parse(R"([["?", "ledger", "troupe::CommitStep"]])"));
  ASSERT_EQ(data.at("moments").size(), 2u);
  const auto& moment = data["moments"][1];
  EXPECT_EQ(moment.at("step"), 1);
  EXPECT_EQ(moment.at("topology").at("actors").at(0).at("handled"), 5);
  EXPECT_EQ(moment.at("topology").at("edges").at(0), json({0, 5, 0.0, 0, 0.0, 0.0, 0.0}));
  EXPECT_TRUE(moment.at("gantt").is_null());
}

TEST(TopologyPageTest, NoNameEndsItsScriptOrTitle) {
  const std::string evil = "</script><script>alert(1)</script><!--";
  const auto page = topology_page(evil, history_with(evil));
  EXPECT_EQ(page.find("alert(1)</script>"), page.npos);
  EXPECT_EQ(data_in(page).at("moments").at(0).at("topology").at("actors").at(0).at("address"),
            evil);
}

TEST(TopologyPageTest, ANameWithAMarkStaysAsItIs) {
  EXPECT_EQ(data_in(topology_page("{{data}}", history_with("ledger"))).at("run"), "{{data}}");
}

TEST(EmbeddedFileTest, HasThePagesFilesAndD3AndRefusesOthers) {
  EXPECT_TRUE(embedded_file("topology.html").starts_with("<!doctype html>"));
  EXPECT_NE(embedded_file("d3.min.js").find("d3.layout.bundle"), std::string_view::npos);
  EXPECT_EQ(embedded_file("d3.min.js").find("</script"), std::string_view::npos);
  EXPECT_THROW(embedded_file("nothing.js"), Error);
}

}  // namespace
}  // namespace troupe
