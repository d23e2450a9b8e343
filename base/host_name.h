// What this host calls itself.
#pragma once

#include <string>

namespace troupe {

std::string host_name();

}  // namespace troupe
