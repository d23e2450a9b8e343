// `troupe version`: which troupe this is, and how it was built.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/commands.h"

namespace troupe {

void add_version(CLI::App& app) {
  app.add_subcommand("version", "Print the version and how this binary was built")->callback([] {
    std::cout << "troupe " TROUPE_VERSION " (" TROUPE_BUILD_TYPE ", g++ " __VERSION__
                 ", CPU kernels for " TROUPE_CPU_ISA ")\n";
  });
}

}  // namespace troupe
