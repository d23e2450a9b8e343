// The one option that changes a config: --set key.path=value, as often as wanted, with one
// assignment or more behind each, before or after the file.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace troupe {

void add_set_option(CLI::App& command, std::vector<std::string>& set);

// `--set a=1 b=2 RUN.yaml` as `--set a=1 --set b=2 RUN.yaml`: CLI11 would take the file for a third
// assignment.
std::vector<std::string> one_assignment_each(const std::vector<std::string>& words);

}  // namespace troupe
