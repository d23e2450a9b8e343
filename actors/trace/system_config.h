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

}  // namespace troupe
