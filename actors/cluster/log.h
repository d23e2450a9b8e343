// Where a process's log lines go: a node's to its standard output, which its launcher has pointed
// at logs/<node>.log; the launcher's own to logs/launcher.log, for its terminal belongs to the run.
#pragma once

#include <string>
#include <vector>

namespace troupe {

// Both set spdlog's default logger: UTC time, level, text; every line is flushed.
void log_to_standard_output();
void log_to_file(const std::string& path);

// The last lines of a text file, at most `count`, from at most its last 64 KB. Empty if there is
// none.
std::vector<std::string> last_lines(const std::string& path, size_t count);

}  // namespace troupe
