#include "actors/transport/remote_group.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>

#include "actors/cluster/socket_address.h"
#include "tests/devices/ranks.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using testing::HasSubstr;

enum class Links { ipc, tcp, one_node };

// A node for each rank, or one for all.
class Nodes {
 public:
  Nodes(int size, Links links) {
    TransportMap map;
    map.keys = curve_keys("the cluster's secret");
    std::vector<int> sockets;
    for (int rank = 0; rank < size; ++rank) {
      addresses_.push_back("policy/dp" + std::to_string(rank));
      const auto name = links == Links::one_node ? "a" : std::to_string(rank);
      map.node_of_address[addresses_.back()] = name;
      uint16_t port = 0;
      sockets.push_back(links == Links::tcp ? listening_socket("127.0.0.1", port) : -1);
      map.endpoint_of_node[name] = links == Links::tcp ? "tcp://127.0.0.1:" + std::to_string(port)
                                                       : "ipc://@troupe_remote_group_test_" +
                                                             std::to_string(getpid()) + '_' + name;
    }
    for (int rank = 0; rank < size; ++rank) {
      if (links == Links::one_node && rank > 0) continue;
      map.listening_socket = sockets[static_cast<size_t>(rank)];
      transports_.push_back(std::make_unique<Transport>(
          map.node_of_address[addresses_[static_cast<size_t>(rank)]], map,
          [](const std::string& error) { ADD_FAILURE() << error; }));
    }
  }

  std::unique_ptr<RemoteGroup> join(int rank, WaitOptions waits = {}) const {
    const auto& transport = transports_.size() == 1 ? transports_[0] : transports_.at(size_t(rank));
    return std::make_unique<RemoteGroup>(
        *transport, RemoteGroupOptions{"policy/pp0 data", addresses_, rank, waits});
  }
  Ranks join_all() const {
    Ranks ranks;
    for (size_t rank = 0; rank < addresses_.size(); ++rank)
      ranks.push_back(join(static_cast<int>(rank)));
    return ranks;
  }

 private:
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<Transport>> transports_;
};

class RemoteGroupLinksTest : public testing::TestWithParam<Links> {};

TEST_P(RemoteGroupLinksTest, EveryCallGivesTheReferencesBits) {
  for (int size : {1, 2, 5}) {
    const Nodes nodes(size, GetParam());
    auto ranks = nodes.join_all();
    EXPECT_TRUE(rc::check("any calls", [&] {
      const auto calls = any_calls(size, 500);
      at_once(ranks, [&](Communicator& group) { expect_all(group, calls); });
    }));
  }
}

TEST_P(RemoteGroupLinksTest, LargeArraysGiveTheReferencesBits) {
  const AnyCalls calls{
      3, {Presence::present, Presence::absent, Presence::present}, {0, 99'991, 99'991, 300'000}};
  const Nodes nodes(3, GetParam());
  auto ranks = nodes.join_all();
  at_once(ranks, [&](Communicator& group) { expect_all(group, calls); });
}

std::string name_of(const testing::TestParamInfo<Links>& links) {
  constexpr const char* kNames[] = {"Ipc", "Tcp", "OneNode"};
  return kNames[static_cast<int>(links.param)];
}

INSTANTIATE_TEST_SUITE_P(Each, RemoteGroupLinksTest,
                         testing::Values(Links::ipc, Links::tcp, Links::one_node), name_of);

TEST(RemoteGroupTest, WhatComesBeforeARankHasJoinedIsKept) {
  const Nodes nodes(2, Links::ipc);
  const auto first = nodes.join(0);
  std::jthread early([&] { first->barrier(); });
  const auto second = nodes.join(1);
  EXPECT_NO_THROW(second->barrier());
}

TEST(RemoteGroupTest, AMemberThatDiesIsNamedWithWhatItSaidLast) {
  const Nodes nodes(3, Links::tcp);
  auto ranks = nodes.join_all();
  ranks[0].reset();
  ranks[0] = nodes.join(0, {.deadline = std::chrono::milliseconds(100)});
  const auto errors = errors_of(ranks, [](Communicator& group) {
    group.barrier();
    std::vector<float> values(12);
    if (group.rank() == 0) group.all_reduce(values);
  });
  EXPECT_THAT(errors[0], HasSubstr("group \"policy/pp0 data\", call 2, all_reduce of 12 f32"));
  EXPECT_THAT(errors[0], HasSubstr("waited 100 ms for rank 1 at policy/dp1"));
  EXPECT_THAT(errors[0], HasSubstr("heard call 1, barrier"));
}

TEST(RemoteGroupTest, CallsThatDisagreeAreToldApart) {
  const Nodes nodes(2, Links::ipc);
  auto ranks = nodes.join_all();
  const auto errors = errors_of(ranks, [](Communicator& group) {
    std::vector<float> values(group.rank() == 0 ? 12u : 8u);
    group.all_reduce(values);
  });
  EXPECT_THAT(errors[0], HasSubstr("all_reduce of 12 f32: rank 0, got another call from rank 1"));
  EXPECT_THAT(errors[1], HasSubstr("all_reduce of 8 f32: rank 1, got another call from rank 0"));
}

TEST(RemoteGroupTest, BytesSentAreThoseOfAReduceScatterAndAnAllGather) {
  const Nodes nodes(4, Links::ipc);
  auto ranks = nodes.join_all();
  at_once(ranks, [](Communicator& group) {
    std::vector<float> values(4096, 1);
    group.all_reduce(values);
    EXPECT_EQ(group.bytes_sent(), 2 * 3 * 1024 * 4);
  });
}

TEST(RemoteGroupTest, AWaitLetsGoOfWhatOthersNeed) {
  const Nodes nodes(2, Links::ipc);
  std::atomic<bool> may_start = false;
  std::atomic<int> depth = 0;
  const auto first = nodes.join(0, {.before_wait =
                                        [&] {
                                          ++depth;
                                          may_start = true;
                                          may_start.notify_all();
                                        },
                                    .after_wait = [&] { --depth; }});
  const auto second = nodes.join(1);
  std::jthread other([&] {
    may_start.wait(false);
    second->barrier();
  });
  first->barrier();
  EXPECT_EQ(depth, 0);
}

}  // namespace
}  // namespace troupe
