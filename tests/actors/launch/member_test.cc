// A member of a resident cluster, with the test as its manager and with processes that only the
// test ends.
#include "actors/launch/member.h"

#include <fcntl.h>

#include <fstream>

#include "tests/actors/actor_test.h"
#include "tests/actors/launch/fake_process.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;

class MemberTest : public ActorTest {
 protected:
  void SetUp() override {
    std::ofstream(folder / "config.yaml") << "run: {}\n";
    join();
  }

  std::function<std::unique_ptr<Process>(const StartNode&, int, Process::OnExit)> fake_start() {
    return [this](const StartNode&, int data_socket, Process::OnExit on_exit) {
      socket = data_socket;
      socket_was_open = data_socket >= 0 && fcntl(data_socket, F_GETFD) >= 0;
      process = std::make_shared<FakeProcess::Log>(FakeProcess::Log{std::move(on_exit)});
      return std::make_unique<FakeProcess>(process, 42);
    };
  }

  // A member on loopback, which says so to its manager.
  void join() {
    MemberConfig config;
    config.self = {.member = "a", .host = "here", .address = "127.0.0.1", .pid = 7};
    config.manager = spawn([this](MembersManager::pointer) -> MembersManager::behavior_type {
      return {[this](const MemberJoined& who) { joined.push_back(who.member); },
              [](const Ping&) { return Pong{}; },
              [this](const NodeExited& node) { exited.push_back(node); }};
    });
    manager = config.manager;
    config.start = fake_start();
    config.log = [](const std::string&) {};
    made = spawn(member, config);
    made->attach_functor(
        [this](const caf::error& reason) { ended = reason ? text_of(reason) : ""; });
    scheduler.run();
  }

  StartNode node() const {
    return {.run = 1,
            .node = "x",
            .run_dir = folder.path(),
            .config_checksum = config_checksum(folder.path())};
  }
  void start() {
    const auto started = ask<NodeStarted>(made, node());
    ASSERT_TRUE(started) << text_of(started.error());
    EXPECT_EQ(started->pid, 42);
  }
  template <class Message>
  void tell(const Message& message) {
    self->send(made, message);
    scheduler.run();
  }

  TemporaryFolder folder;
  Member made;
  MembersManager manager;
  std::vector<std::string> joined;
  std::vector<NodeExited> exited;
  std::shared_ptr<FakeProcess::Log> process;
  int socket = -1;
  bool socket_was_open = false;
  std::optional<std::string> ended;
};

TEST_F(MemberTest, ANodeOnLoopbackHasNoEndpointOfTheMembers) {
  EXPECT_EQ(joined, std::vector<std::string>{"a"});
  EXPECT_EQ(ask<Prepared>(made, Prepare{1, "x"})->endpoint, "");
  start();
  EXPECT_EQ(socket, -1);
}

TEST_F(MemberTest, ANodeOnANetworkInheritsTheSocketThatWasBoundForItAndTheMemberKeepsNone) {
  MemberState state;
  state.config = {.self = {.address = "0.0.0.0"}, .start = fake_start()};
  state.config.log = [](const std::string&) {};
  EXPECT_EQ(state.prepare({1, "x"}).rfind("tcp://0.0.0.0:", 0), 0u);
  EXPECT_EQ(state.start(node(), made->address()), 42);
  EXPECT_TRUE(socket_was_open);
  EXPECT_LT(fcntl(socket, F_GETFD), 0);
  EXPECT_TRUE(state.data_sockets.empty());
}

TEST_F(MemberTest, TheManagerHearsHowANodeEnds) {
  start();
  process->on_exit({true, 9});
  scheduler.run();
  ASSERT_EQ(exited.size(), 1u);
  EXPECT_EQ(exited[0].node, "x");
  EXPECT_TRUE(exited[0].by_signal);
  EXPECT_EQ(exited[0].number, 9);
}

TEST_F(MemberTest, ANodeIsEndedGentlyOrAtOnceAsAskedAndTheRestOfARunAtOnce) {
  start();
  tell(EndNode{1, "x", false});
  EXPECT_TRUE(process->terminated);
  EXPECT_FALSE(process->destroyed);
  tell(EndRun{2});
  EXPECT_FALSE(process->destroyed);
  tell(EndRun{1});
  EXPECT_TRUE(process->destroyed);
  start();
  tell(EndNode{1, "x", true});
  EXPECT_TRUE(process->destroyed);
}

TEST_F(MemberTest, LeavingInOrderEndsItsNodesAndARefusalIsItsError) {
  start();
  tell(LeaveCluster{});
  EXPECT_EQ(ended, "");
  EXPECT_TRUE(process->destroyed);
  join();
  tell(LeaveCluster{"the name is taken"});
  EXPECT_EQ(ended, "the name is taken");
}

TEST_F(MemberTest, ItDoesNotOutliveItsManager) {
  start();
  kill(manager);
  ASSERT_TRUE(ended);
  EXPECT_NE(ended, "");
  EXPECT_TRUE(process->destroyed);
}

}  // namespace
}  // namespace troupe
