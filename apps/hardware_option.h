// The options that say for which devices a plan is made.
#pragma once

#include <string>

#include "graph/parallel/hardware.h"

namespace CLI {
class App;
}

namespace troupe {

struct HardwareOption {
  std::string name;  // of known hardware, or a file; empty: this machine, measured
  int hosts = 0, devices_per_host = 0;

  void add_to(CLI::App& command);
  Hardware get() const;  // throws UsageError on a name that there is not
};

}  // namespace troupe
