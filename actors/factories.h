// Which kinds of actors a plan may ask for, and who makes them: the one table that every process of
// a run, launcher and node alike, hands to its NodeHost.
#pragma once

#include "actors/cluster/node_host.h"

namespace troupe {

ActorFactories actor_factories();

}  // namespace troupe
