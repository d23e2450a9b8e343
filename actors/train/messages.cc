#include "actors/train/messages.h"

#include "base/error.h"

namespace troupe {

caf::strong_actor_ptr Peers::find(const std::string& address) const {
  auto found = actors.find(address);
  CHECK(found != actors.end(), address, actors.size());
  return found->second;
}

}  // namespace troupe
