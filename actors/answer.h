// How an actor answers with an error: the text of what went wrong travels to the asker.
#pragma once

#include <caf/all.hpp>

#include "base/error.h"

namespace troupe {

enum class ActorError : uint8_t { failed = 1 };
inline std::string to_string(ActorError) {
  return "failed";
}

}  // namespace troupe

CAF_ERROR_CODE_ENUM(troupe::ActorError, "actor")

namespace troupe {

// Runs a handler's body. An Error thrown in it becomes the reply, so the asker learns why and this
// actor lives on; an exception that leaves a handler ends the actor (see traced.h).
template <class Body>
auto answer(Body&& body) -> caf::result<decltype(body())> {
  try {
    return body();
  } catch (const Error& e) {
    return caf::make_error(ActorError::failed, std::string(e.what()));
  }
}

// The text of an error that came as a reply or as an exit reason, without CAF's decoration.
std::string text_of(const caf::error& error);

}  // namespace troupe
