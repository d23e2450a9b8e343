// `parallel.auto`: the layout that a search finds becomes the config's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/config.h"

namespace troupe {

// The config of the file with `set`, and with the fastest layout that fits this host where the
// config asks for it.
std::shared_ptr<Config> load_with_layout(const std::string& path,
                                         const std::vector<std::string>& set);

}  // namespace troupe
