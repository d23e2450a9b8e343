// What a user sees when a command fails: `troupe: error: ...` in at most eight lines, and the exit
// status.
#pragma once

#include <functional>
#include <span>
#include <string>

namespace CLI {
class App;
}

namespace troupe {

// Runs `body`, which parses the command line into `app`; what it throws is printed on stderr. 0
// done, 1 failed, 2 bad usage or config. A reader of our stdout that went away (`troupe topology |
// head`) is no failure.
int exit_status_of(const CLI::App& app, const std::function<void()>& body);

// Throws UsageError, with the nearest name, if the first word is no subcommand of `app`, or the
// next one none of that subcommand, where it needs one.
void check_subcommand(const CLI::App& app, std::span<const std::string> words);

// `message` with its first seven lines and a count of the rest, if it has more than eight.
std::string at_most_eight_lines(const std::string& message);

}  // namespace troupe
