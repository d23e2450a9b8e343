#include "actors/factories.h"

namespace troupe {

ActorFactories actor_factories() {
  return {};
}

}  // namespace troupe
