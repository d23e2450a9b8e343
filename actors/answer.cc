#include "actors/answer.h"

namespace troupe {

std::string text_of(const caf::error& error) {
  bool ours = error.category() == caf::atom("actor");
  if (ours && error.context().match_elements<std::string>())
    return error.context().get_as<std::string>(0);
  return to_string(error);
}

}  // namespace troupe
