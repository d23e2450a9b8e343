#include "storage/inspect/chrome_trace.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

namespace troupe {
namespace {

using nlohmann::json;

TEST(ChromeTraceTest, AMessageIsAnArrowFromItsSendersTrackToTheStartOfItsHandling) {
  Timeline step{.step = 1, .start_ns = 1000, .end_ns = 9000};
  step.actors = {{.address = "a", .kind = "k", .node = "left"},
                 {.address = "b", .kind = "k", .node = "right"}};
  step.actors[1].handled = {{"a", "troupe::Ask", 3000, 4000, 6000},
                            {"?", "Tick", 7000, 7000, 8000}};
  step.actors[1].work = {{"F0", 4500, 5500}};
  std::ostringstream out;
  write_chrome_trace({&step, 1}, out);

  std::map<std::string, int64_t> tracks;
  std::vector<json> spans, arrows;
  const json trace = json::parse(out.str());
  for (const auto& event : trace.at("traceEvents")) {
    if (event["name"] == "thread_name") tracks[event["args"]["name"]] = event["tid"];
    if (event["ph"] == "X") spans.push_back(event);
    if (event["ph"] == "s" || event["ph"] == "f") arrows.push_back(event);
  }
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0]["name"], "Ask");
  EXPECT_EQ(spans[0]["ts"], 3.0);
  EXPECT_EQ(spans[0]["dur"], 2.0);
  EXPECT_EQ(spans[2]["name"], "F0");
  ASSERT_EQ(arrows.size(), 2u);  // none of the timeout
  EXPECT_EQ(arrows[0]["id"], arrows[1]["id"]);
  EXPECT_EQ(arrows[0]["tid"], tracks.at("a"));
  EXPECT_EQ(arrows[0]["ts"], 2.0);
  EXPECT_EQ(arrows[1]["tid"], tracks.at("b"));
  EXPECT_EQ(arrows[1]["ts"], 3.0);
}

}  // namespace
}  // namespace troupe
