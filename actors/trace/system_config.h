// What every actor system of ours is configured with: spawned actors find the trace book in it.
#pragma once

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include "actors/messages.h"
#include "actors/trace/trace_book.h"

namespace troupe {

struct SystemConfig : caf::actor_system_config {
  SystemConfig() {
    add_message_types<caf::id_block::troupe_messages>();
    set("scheduler.policy", caf::atom("sharing"));  // "stealing" naps: +100 us on an idle actor
    set("scheduler.max-threads", size_t{2});
    // An automatic connection would open a listener on every interface; all control between nodes
    // goes through the launcher instead, and the directory reports deaths.
    set("middleman.enable-automatic-connections", false);
  }

  // For systems that talk to other processes. Tests of single actors do without its threads.
  SystemConfig& with_network() {
    load<caf::io::middleman>();
    return *this;
  }

  mutable TraceBook trace_book;
};

}  // namespace troupe
