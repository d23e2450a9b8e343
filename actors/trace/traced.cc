#include "actors/trace/traced.h"

namespace troupe {

caf::error error_of(std::exception_ptr exception) try {
  std::rethrow_exception(exception);
} catch (const std::exception& e) {
  return caf::make_error(ActorError::failed, std::string(e.what()));
} catch (...) {
  return caf::make_error(ActorError::failed, std::string("an exception of unknown type"));
}

}  // namespace troupe
