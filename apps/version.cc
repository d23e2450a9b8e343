// `troupe version`: which troupe this is, and how it was built.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/commands.h"
#include "kernels/instruction_set.h"

namespace troupe {

void add_version(CLI::App& app) {
  app.add_subcommand("version", "Print the version and how this binary was built")->callback([] {
    std::cout << "troupe " TROUPE_VERSION " (" TROUPE_BUILD_TYPE ", g++ " __VERSION__
                 ", CPU kernels for "
              << name_of(best_instruction_set()) << ")\n";
  });
}

}  // namespace troupe
