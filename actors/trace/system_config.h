// What every actor system of ours is configured with: spawned actors find the trace book in it.
#pragma once

#include <caf/all.hpp>

#include "actors/messages.h"
#include "actors/trace/trace_book.h"

namespace troupe {

struct SystemConfig : caf::actor_system_config {
  SystemConfig();

  // For systems that talk to other processes. Tests of single actors do without its threads.
  SystemConfig& with_network();

  mutable TraceBook trace_book;
};

// A system with network that is never unwound: a detached actor of CAF 0.17 now and then keeps a
// reference to itself (its issue 1196), and the system's destructor would wait for it for ever. Who
// makes it ends its actors, and the process ends without unwinding.
caf::actor_system& new_lasting_system();

// Ends an actor and waits until it has, for 10 s at most. Whether it has.
bool end_actor(caf::actor_system& system, const caf::strong_actor_ptr& actor);

}  // namespace troupe
