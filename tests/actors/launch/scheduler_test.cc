// What a process learns from the scheduler that has started it.
#include "actors/launch/scheduler.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

SchedulerPlace place_in(const std::map<std::string, std::string>& variables) {
  return scheduler_place([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  });
}

TEST(SchedulerTest, SlurmGivesTheRankAndTheHostWhereSrunRuns) {
  const auto place = place_in({{"SLURM_PROCID", "3"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.1.0.2"}});
  EXPECT_EQ(place.member_name(), "node-3");
  EXPECT_EQ(place.address, "10.1.0.2:7433");
}

TEST(SchedulerTest, MpiUnderSlurmGoesByItsOwnRank) {
  const auto place = place_in(
      {{"SLURM_PROCID", "0"}, {"OMPI_COMM_WORLD_RANK", "5"}, {"TROUPE_CLUSTER", "head:8000"}});
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.address, "head:8000");
}

TEST(SchedulerTest, AKubernetesIndexedJobGivesTheIndexAndNamesTheClusterItself) {
  const auto place = place_in({{"JOB_COMPLETION_INDEX", "0"}, {"TROUPE_CLUSTER", "job-0.svc"}});
  EXPECT_EQ(place.member_name(), "node-0");
  EXPECT_EQ(place.address, "job-0.svc:7433");
}

TEST(SchedulerTest, TheMasterOfOtherLaunchersIsTheCluster) {
  EXPECT_EQ(place_in({{"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "29500"}}).address,
            "10.0.0.1:29500");
  EXPECT_EQ(place_in({{"MASTER_ADDR", "10.0.0.1"}}).address, "10.0.0.1:7433");
}

TEST(SchedulerTest, WithoutASchedulerThereIsNeitherRankNorAddress) {
  const auto place = place_in({});
  EXPECT_FALSE(place.rank);
  EXPECT_EQ(place.member_name(), "");
  EXPECT_EQ(place.address, "");
}

TEST(SchedulerTest, ARankThatIsNoNumberIsRefusedByName) {
  for (const char* rank : {"x", "-1", "3x"})
    EXPECT_EQ(error_of([&] {
                place_in({{"PMI_RANK", rank}});
              }),
              std::string("PMI_RANK = ") + rank + ": expected this process's rank");
}

}  // namespace
}  // namespace troupe
