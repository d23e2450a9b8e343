// Who gets which places in a resident cluster, and who waits.
#include "actors/launch/roster.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using Names = std::vector<std::string>;

std::vector<WantedNode> nodes(const Names& names) {
  std::vector<WantedNode> wanted;
  for (const auto& name : names) wanted.push_back({name, ""});
  return wanted;
}

// Two members, a with two slots and b with four.
Roster two_members() {
  Roster roster;
  roster.join({.member = "a", .host = "host-a", .pid = 1, .slots = 2}, 16);
  roster.join({.member = "b", .host = "host-b", .pid = 2, .slots = 4}, 16);
  return roster;
}

Names members_of_places(const Roster& roster, int64_t run) {
  Names names;
  for (const auto& place : roster.places(run)) names.push_back(place.node + "@" + place.member);
  return names;
}

TEST(RosterTest, NodesGoWhereMostSlotsAreFree) {
  auto roster = two_members();
  const auto run = roster.queue("run", nodes({"x", "y", "z"}));
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{run});
  EXPECT_EQ(members_of_places(roster, run), (Names{"x@b", "y@b", "z@a"}));
  EXPECT_EQ(roster.places(run)[2].host, "host-a");
  EXPECT_EQ(roster.member_of(run, "z"), "a");
  EXPECT_EQ(roster.members_of(run), (Names{"a", "b"}));
}

TEST(RosterTest, ANodeGoesToTheMemberThatItNamesOrThatHasItsName) {
  auto roster = two_members();
  const auto run = roster.queue("run", {{"x", ""}, {"a", ""}, {"y", "a"}});
  roster.admit();
  EXPECT_EQ(members_of_places(roster, run), (Names{"a@a", "y@a", "x@b"}));
}

TEST(RosterTest, ARunThatFindsNoRoomWaitsUntilAnotherIsReleased) {
  auto roster = two_members();
  const auto first = roster.queue("first", nodes({"1", "2", "3", "4"}));
  const auto second = roster.queue("second", nodes({"1", "2", "3"}));
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{first});
  EXPECT_EQ(roster.waiting_for(second), "3 slots (free now: a 1, b 1); before it: first");
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{});
  roster.release(first);
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{second});
  EXPECT_EQ(roster.waiting_for(second), "");
}

TEST(RosterTest, ASmallRunDoesNotOvertakeALargeOneThatWaits) {
  auto roster = two_members();
  const auto first = roster.queue("first", nodes({"1"}));
  const auto large = roster.queue("large", nodes({"1", "2", "3", "4", "5", "6"}));
  const auto small = roster.queue("small", nodes({"1"}));
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{first});
  roster.release(first);
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{large});
  roster.release(large);
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{small});
}

TEST(RosterTest, ARunForWhichThereNeverIsRoomIsRefusedWithTheSlots) {
  auto roster = two_members();
  EXPECT_EQ(error_of([&] {
              roster.queue("run", nodes({"1", "2", "3", "4", "5", "6", "7"}));
            }),
            "the run has 7 nodes, for which the cluster never has room; its slots: a 2, b 4");
  EXPECT_NE(error_of([&] {
              roster.queue("run", {{"x", "bb"}});
            }).find("did you mean 'b'"),
            std::string::npos);
  EXPECT_TRUE(roster.runs().empty());
}

TEST(RosterTest, AnExpectedMemberIsCountedOnButNotUsedBeforeItJoins) {
  Roster roster;
  roster.expect("a", 2);
  const auto run = roster.queue("run", nodes({"x", "y"}));
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{});
  roster.join({.member = "a"}, 16);
  EXPECT_EQ(roster.status().members.at(0).slots, 2);
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{run});
}

TEST(RosterTest, ANameIsTakenAsLongAsItsMemberIsThere) {
  auto roster = two_members();
  EXPECT_NE(error_of([&] { roster.join({.member = "a"}, 16); }).find("as process 1 on host-a"),
            std::string::npos);
  roster.lose("a", "was killed", false);
  EXPECT_FALSE(roster.is_ready("a"));
  roster.join({.member = "a", .pid = 3}, 16);
  EXPECT_TRUE(roster.is_ready("a"));
}

TEST(RosterTest, WithAMemberItsNodesOfEveryRunAreLostAndTheReasonIsSaid) {
  auto roster = two_members();
  const auto run = roster.queue("run", nodes({"x", "y", "z"}));
  roster.admit();
  const auto lost = roster.lose("a", "was killed by signal 9 (Killed)", true);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].run, run);
  EXPECT_EQ(lost[0].node, "z");
  EXPECT_EQ(lost[0].unseen,
            "was lost with the cluster's node a, which was killed by signal 9 (Killed)");
  EXPECT_THROW(roster.queue("later", nodes({"1", "2", "3", "4", "5"})), Error);
  EXPECT_TRUE(roster.has_hope());
  roster.lose("b", "was killed", true);
  EXPECT_FALSE(roster.has_hope());
}

TEST(RosterTest, OnlyAnExpectedMemberThatLeavesIsCountedOnToComeAgain) {
  Roster roster;
  roster.expect("planned", 1);
  for (const char* name : {"planned", "visitor"}) {
    roster.join({.member = name}, 1);
    roster.lose(name, "left", false);
  }
  roster.queue("run", nodes({"x"}));
  EXPECT_THROW(roster.queue("run", nodes({"x", "y"})), Error);
  EXPECT_EQ(roster.admit(), std::vector<int64_t>{});
  roster.join({.member = "planned"}, 1);
  EXPECT_EQ(roster.admit().size(), 1u);
}

// A node is bound to its namesake only as long as that may come.
TEST(RosterTest, AGivenUpNamesakeHoldsNobodyUp) {
  auto roster = two_members();
  roster.lose("a", "was killed", true);
  const auto run = roster.queue("run", nodes({"a"}));
  roster.admit();
  EXPECT_EQ(members_of_places(roster, run), Names{"a@b"});
}

TEST(RosterTest, TheHistoryKeepsTheLatestEvents) {
  auto roster = two_members();
  for (int i = 0; i < 60; ++i) roster.note("a", std::to_string(i));
  const auto history = roster.status().members.at(0).history;
  EXPECT_EQ(history.size(), 50u);
  EXPECT_EQ(history.back(), "59");
}

// Whatever comes and goes, no member hosts more than its slots, and once all runs are released
// nothing is held.
RC_GTEST_PROP(RosterPropertyTest, NoMemberIsEverOverfullAndNothingIsLeftBehind, ()) {
  auto roster = two_members();
  const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 7));
  for (int size : sizes) {
    Names names;
    for (int i = 0; i < size; ++i) names.push_back(std::to_string(i));
    roster.queue("run", nodes(names));
    roster.admit();
    for (const auto& member : roster.status().members) RC_ASSERT(member.used <= member.slots);
    const auto runs = roster.runs();
    if (*rc::gen::arbitrary<bool>()) roster.release(*rc::gen::elementOf(runs));
  }
  while (!roster.runs().empty()) {
    roster.admit();
    const auto runs = roster.runs();
    RC_ASSERT(!roster.places(runs.front()).empty());  // the head never starves
    roster.release(runs.front());
  }
  for (const auto& member : roster.status().members) RC_ASSERT(member.used == 0);
}

}  // namespace
}  // namespace troupe
