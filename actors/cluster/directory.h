// Where actors find each other by name, across processes and restarts. Lives in the launcher.
// A handle dies with its process, so nobody looks one up once and keeps it: an actor follows a name
// and is told the handle now and whenever a restarted process announces a new one.
#pragma once

#include <caf/all.hpp>
#include <map>
#include <string>

#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

using Directory = caf::typed_actor<caf::reacts_to<Announce>, caf::reacts_to<Follow>,
                                   caf::replies_to<Find>::with<Found>>;

struct DirectoryState {
  const char* name = "directory";
  std::map<std::string, caf::strong_actor_ptr> actors;
  std::multimap<std::string, caf::strong_actor_ptr> followers;

  void tell(const std::string& name) const;
  void forget(const caf::actor_addr& actor);  // it has ended: a name's owner, a follower, or both
};

Directory::behavior_type directory(Traced<Directory, DirectoryState>* self);

}  // namespace troupe
