#include "apps/exit_status.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

int fail(const std::string& message, int status) {
  std::cout.exceptions(std::ios::goodbit);  // std::cerr flushes it first
  std::cerr << "troupe: error: " << at_most_eight_lines(message) << std::endl;
  return status;
}

bool reader_is_gone() {
  pollfd out = {STDOUT_FILENO, 0, 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

// --help ends here too.
int parse_failed(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() == 0) return app.exit(e);
  if (e.get_name() == "RuntimeError") return e.get_exit_code();
  return fail(std::string(e.what()) + "\n  try `troupe --help` or `troupe SUBCOMMAND --help`", 2);
}

}  // namespace

int exit_status_of(const CLI::App& app, const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const CLI::ParseError& e) {
    return parse_failed(app, e);
  } catch (const UsageError& e) {
    return fail(e.what(), 2);
  } catch (const std::ios_base::failure&) {
    return reader_is_gone() ? 0 : fail("cannot write to standard output", 1);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", 1);
  } catch (const std::exception& e) {
    return fail(e.what(), 1);
  }
}

void check_subcommand(const CLI::App& app, std::span<const std::string> words) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (app.get_require_subcommand_min() == 0 || words.empty() || words[0].starts_with('-')) return;
  if (std::find(names.begin(), names.end(), words[0]) != names.end())
    return check_subcommand(*app.get_subcommand(words[0]), words.subspan(1));
  const auto parent = app.get_parent() ? app.get_name() + " " : "";
  throw UsageError("unknown subcommand '" + parent + words[0] + "'" +
                   did_you_mean(words[0], names) + "\n  `troupe " + parent +
                   "--help` lists them all");
}

std::string at_most_eight_lines(const std::string& message) {
  std::istringstream in(message);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const size_t shown = lines.size() <= 8 ? lines.size() : 7;
  std::string out;
  for (size_t i = 0; i < shown; ++i) out += (i ? "\n" : "") + lines[i];
  if (shown < lines.size()) {
    out += "\n  ... " + std::to_string(lines.size() - shown) + " more lines";
  }
  return out;
}

}  // namespace troupe
