// Apart from the header: it instantiates how every message is read and written, which takes
// seconds.
#include "actors/trace/system_config.h"

#include <caf/io/all.hpp>

namespace troupe {

SystemConfig::SystemConfig() {
  add_message_types<caf::id_block::troupe_messages>();
  set("scheduler.policy", caf::atom("sharing"));  // "stealing" naps: +100 us on an idle actor
  set("scheduler.max-threads", size_t{2});
  // An automatic connection would open a listener on every interface; all control between nodes
  // goes through the launcher instead, and the directory reports deaths.
  set("middleman.enable-automatic-connections", false);
}

SystemConfig& SystemConfig::with_network() {
  load<caf::io::middleman>();
  return *this;
}

caf::actor_system& new_lasting_system() {
  struct Lasting {
    SystemConfig config;
    caf::actor_system system{config.with_network()};
  };
  return (new Lasting)->system;
}

bool end_actor(caf::actor_system& system, const caf::strong_actor_ptr& actor) {
  caf::scoped_actor self(system);
  const auto ending = caf::actor_cast<caf::actor>(actor);
  self->monitor(ending);
  caf::anon_send_exit(ending, caf::exit_reason::user_shutdown);
  bool ended = false;
  self->receive([&](const caf::down_msg&) { ended = true; },
                caf::after(std::chrono::seconds(10)) >> [] {});
  return ended;
}

}  // namespace troupe
