// A resident cluster and its client over loopback, in one process: who gets in, what is refused,
// and what a run hears when the cluster stops.
#include "actors/launch/launched_cluster.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>

#include "actors/launch/cluster_client.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

// One member that joins by itself, and has not yet.
Config config() {
  Config config(capnp::Schema::from<ClusterConfig>());
  config.read_text("listen: 127.0.0.1:0\nnodes: [{name: a, start: by_itself, slots: 2}]", "test");
  return config;
}

class LaunchedClusterTest : public testing::Test {
 protected:
  LaunchedClusterTest() { cluster.start_members(); }

  std::unique_ptr<ClusterClient> client() {
    return std::make_unique<ClusterClient>(cluster.address().text(), cluster.secret_file());
  }

  TemporaryFolder folder;
  Config options = config();
  LaunchedCluster cluster{options, folder.path(), [](const std::string&) {}};
};

TEST_F(LaunchedClusterTest, MakesItsSecretAndListensAtAPortOfItsOwn) {
  EXPECT_EQ(cluster.secret_file(), std::filesystem::canonical(folder.path()).string() + "/secret");
  EXPECT_NO_THROW(read_secret(cluster.secret_file()));
  EXPECT_NE(cluster.address().port, 0);
  EXPECT_EQ(client()->address(), "127.0.0.1");
  EXPECT_EQ(client()->secret(), read_secret(cluster.secret_file()));
}

TEST_F(LaunchedClusterTest, TellsWhomItExpectsAndWhoWaits) {
  const auto first = client();
  auto waiting = std::async(std::launch::async, [&] {
    first->reserve("run", {{"x", ""}}, [](const std::string&) {});
  });
  auto status = client()->status();
  while (status.runs.empty()) status = client()->status();  // it was asked, if not yet heard
  ASSERT_EQ(status.members.size(), 1u);
  EXPECT_EQ(status.members[0].state, "expected");
  EXPECT_EQ(status.members[0].slots, 2);
  EXPECT_EQ(status.runs[0].state, "waiting");
  kill(getpid(), SIGTERM);
  EXPECT_THROW(waiting.get(), Error);
}

TEST_F(LaunchedClusterTest, ARunForWhichThereNeverIsRoomIsBadUsage) {
  const auto made = client();
  const auto ignore = [](const std::string&) {};
  EXPECT_THROW(made->reserve("run", {{"x", ""}, {"y", ""}, {"z", ""}}, ignore), UsageError);
}

TEST_F(LaunchedClusterTest, AnotherSecretDoesNotOpenItAndNoneIsBadUsage) {
  const auto other = folder / "other";
  write_secret(other);
  EXPECT_NE(error_of([&] {
              ClusterClient(cluster.address().text(), other);
            }).find("has another secret than ours"),
            std::string::npos);
  EXPECT_THROW(ClusterClient(cluster.address().text(), folder / "none"), UsageError);
}

TEST_F(LaunchedClusterTest, AnAddressThatIsTakenIsRefusedWithIt) {
  auto second = config();
  second.set("listen=" + cluster.address().text());
  const TemporaryFolder its_folder;
  EXPECT_NE(error_of([&] {
              LaunchedCluster(second, its_folder.path(), {});
            }).find("listen = " + cluster.address().text() + ": cannot be listened on"),
            std::string::npos);
}

TEST_F(LaunchedClusterTest, ASignalStopsItInOrder) {
  kill(getpid(), SIGTERM);
  EXPECT_EQ(cluster.wait(), "");
}

}  // namespace
}  // namespace troupe
