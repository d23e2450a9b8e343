// The groups in which a role's ranks compute together.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/communicator.h"

namespace troupe {

// A group of addresses, in rank order, as one of them joins it.
struct GroupWanted {
  std::string name;                    // "policy/pp0 tensor"
  std::vector<std::string> addresses;  // of stages
  int rank = 0;
  std::function<void()> before_wait, after_wait;
};

using GroupFactory = std::function<std::unique_ptr<Communicator>(GroupWanted)>;

}  // namespace troupe
