// What a resident cluster's config may say, and what it is refused for.
#include "base/cluster_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kShipped = TROUPE_SOURCE_DIR "/configs/cluster.yaml";

// What the shipped cluster is refused for with these changes.
std::string refusal(const std::vector<std::string>& overrides) {
  try {
    load_cluster_config(kShipped, overrides);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST(ClusterConfigTest, TheShippedOneIsOnLoopbackWithNodesOfThisHost) {
  const auto config = load_cluster_config(kShipped);
  const auto cluster = config.as<ClusterConfig>();
  EXPECT_THAT(cluster.getListen().cStr(), StartsWith("127.0.0.1:"));
  ASSERT_EQ(cluster.getNodes().size(), 2u);
  for (auto node : cluster.getNodes()) EXPECT_EQ(node.getStart(), ClusterConfig::Start::HERE);
}

TEST(ClusterConfigTest, NamesAreNamesAndEachIsOneNodes) {
  EXPECT_EQ(refusal({"nodes.1.name=node-0"}),
            "--set nodes.1.name=node-0: nodes.1.name = node-0: another node has this name");
  for (const char* name : {"a/b", "a@b", "''"})
    EXPECT_THAT(refusal({std::string("nodes.0.name=") + name}),
                HasSubstr("expected letters, digits, '-', '_' and '.'"));
}

TEST(ClusterConfigTest, OnlyANodeThatSshStartsHasAHostAndItNeedsOne) {
  EXPECT_THAT(refusal({"nodes.0.start=ssh"}), HasSubstr("nodes.0.host: start ssh needs it"));
  EXPECT_THAT(refusal({"nodes.0.host=b"}), HasSubstr("nodes.0.host: only start ssh takes one"));
}

// It would dial its own loopback.
TEST(ClusterConfigTest, ANodeOnAnotherHostNeedsAnAddressThatItReaches) {
  const std::string ssh = "nodes.0.start=ssh", host = "nodes.0.host=me@far";
  EXPECT_THAT(refusal({ssh, host}), HasSubstr("other hosts cannot reach listen = 127.0.0.1:7433"));
  EXPECT_EQ(refusal({ssh, host, "listen=10.0.0.1:7433"}), "nothing was refused");
  EXPECT_EQ(refusal({ssh, "nodes.0.host=me@localhost"}), "nothing was refused");
}

TEST(ClusterConfigTest, SilenceIsLongerThanTheTimeBetweenTwoLooks) {
  EXPECT_THAT(refusal({"heartbeat_limit_seconds=1"}),
              HasSubstr("expected more than heartbeat_interval_seconds"));
}

}  // namespace
}  // namespace troupe
