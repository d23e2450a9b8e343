// A cluster without processes: directory, node actors and their tracers on the deterministic
// scheduler, all with a clock that the test moves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/cluster/node.h"
#include "storage/journal/journal.h"
#include "storage/journal/node_record.h"
#include "tests/actors/actor_test.h"
#include "tests/temporary_folder.h"

namespace troupe {

class TinyCluster : public ActorTest {
 protected:
  // A node that beats towards `supervisor` once a second and keeps a journal.
  Node new_node(const std::string& name, const Supervisor& supervisor) {
    NodeConfig config;
    config.node = name;
    config.directory = directory;
    config.supervisor = supervisor;
    config.tracer = spawn(tracer, TracerConfig{name, journal_of(name)});
    config.log = [this](const std::string& line) { log.push_back(line); };
    auto made = spawn(node, config);
    watch(made, name);
    scheduler.run();
    return made;
  }

  // An actor that does nothing, at this address of the node.
  caf::actor host(const Node& node, const std::string& address) {
    auto actor = spawn([](caf::event_based_actor*) { return caf::behavior{[](int) {}}; });
    host(node, address, actor);
    return actor;
  }
  void host(const Node& node, const std::string& address, const caf::actor& actor) {
    watch(actor, address);
    self->send(node, HostActor{address, caf::actor_cast<caf::strong_actor_ptr>(actor)});
    scheduler.run();
  }

  std::string journal_of(const std::string& node) const { return folder / node; }
  bool has_final_record(const std::string& node) const {
    const auto last = JournalReader(journal_of(node)).last();
    return last && decode_node_record(*last).final;
  }

  // Notes the actor's end under this name.
  template <class Actor>
  void watch(const Actor& actor, const std::string& name) {
    actor->attach_functor([this, name](const caf::error& reason) { ended[name] = reason; });
  }

  TemporaryFolder folder;
  std::vector<std::string> log;             // of all nodes
  std::map<std::string, caf::error> ended;  // why nodes and hosted actors ended, by name
  Directory directory = spawn(troupe::directory);
};

}  // namespace troupe
