// An actor system that runs on the test's own thread, in a fixed order and on a clock that stands
// still until the test moves it.
#pragma once

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <utility>
#include <vector>

#include "actors/trace/system_config.h"

namespace troupe {

class ActorTest : public testing::Test {
 protected:
  struct Config : SystemConfig {
    Config() { set("scheduler.policy", caf::atom("testing")); }
  };

  // The system's destructor waits for every actor to end, and one that keeps a peer's handle, a
  // promise or a timer lives on: so all are killed, while what their handlers refer to exists.
  void TearDown() override {
    scheduler.clock().cancel_all();
    for (const auto& actor : spawned) kill(actor);
  }

  template <class... Args>
  auto spawn(Args&&... args) {
    auto actor = system.spawn(std::forward<Args>(args)...);
    spawned.push_back(caf::actor_cast<caf::actor_addr>(actor));
    return actor;
  }

  // Delivers all messages, then returns the reply to `request`.
  template <class Reply, class Actor, class... Args>
  caf::expected<Reply> ask(const Actor& actor, const Args&... args) {
    auto request = self->request(actor, caf::infinite, args...);
    scheduler.run();
    caf::expected<Reply> reply{caf::sec::none};
    request.receive([&](Reply& value) { reply = std::move(value); },
                    [&](caf::error& error) { reply = std::move(error); });
    return reply;
  }

  // Moves the clock: delayed messages and request timeouts that fall due are delivered.
  void advance(caf::timespan time) {
    scheduler.run();  // at the old time
    scheduler.advance_time(time);
    scheduler.run();
  }

  // Kills an actor as a lost connection or crashed process would.
  template <class Actor>
  void kill(const Actor& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::remote_link_unreachable);
    scheduler.run();
  }

  Config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system};
  std::vector<caf::actor_addr> spawned;
};

}  // namespace troupe
