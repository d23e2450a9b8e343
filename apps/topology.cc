// `troupe topology [RUN_DIR]`: who lives where in a run and who sends what to whom, of a run that
// goes on, has ended or was killed.
#include "storage/inspect/topology.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "apps/cluster_option.h"
#include "apps/cluster_topology.h"
#include "apps/commands.h"
#include "apps/terminal_colours.h"
#include "apps/topology_page.h"
#include "base/error.h"
#include "storage/inspect/critical_path.h"
#include "storage/inspect/diagnosis.h"
#include "storage/inspect/gantt.h"

namespace troupe {
namespace {

// More steps than this would make a page that a browser is slow to open.
constexpr size_t kMomentsOnAPage = 200;

struct Options {
  std::string run_dir = "runs/latest", html;
  std::optional<int64_t> at;
  ClusterOption cluster;
  bool json = false, dot = false, watch = false, diagnose = false, critical_path = false;
};

// The stages' last step; nothing before the first step has ended.
std::string gantt_of(const Options& options) try {
  return gantt_text(read_timeline(options.run_dir, options.at));
} catch (const UsageError&) {
  return "";
}

std::string shown(const std::string& text) {
  return wants_colours() ? coloured(text) : text;
}

// Shows the run anew each second until a key or Ctrl-C ends it, or the run its end.
void watch(const Options& options) {
  pollfd key = {STDIN_FILENO, POLLIN, 0};
  do {
    const auto topology = read_topology(options.run_dir);
    const auto text = shown(to_text(topology) + gantt_of(options));
    if (isatty(STDOUT_FILENO)) std::cout << "\x1b[H\x1b[2J";
    std::cout << text << std::flush;
    const bool runs = std::ranges::any_of(topology.nodes,
                                          [](const auto& node) { return node.state == "running"; });
    if (!runs) return;
  } while (poll(&key, isatty(STDIN_FILENO) ? 1 : 0, 1000) == 0);
}

void write_page(const Options& options) {
  const auto name = std::filesystem::path(options.run_dir).lexically_normal().string();
  const auto page = topology_page(name, read_history(options.run_dir, kMomentsOnAPage));
  std::ofstream file(options.html);
  if (!(file << page << std::flush)) throw Error(options.html + ": cannot be written");
}

void topology_of_cluster(const Options& options) {
  if (options.at || options.dot || options.watch || options.diagnose || options.critical_path ||
      !options.html.empty())
    throw UsageError(
        "--cluster shows all of its runs, as text or --json\n  the other forms are for "
        "one of them: troupe topology RUN_DIR");
  show_cluster(options.cluster.address, options.cluster.secret_file, options.json);
}

void topology(const Options& options) {
  if (options.cluster.is_given()) return topology_of_cluster(options);
  if (options.diagnose) {
    const auto diagnosis = diagnose_run(options.run_dir);
    std::cout << diagnosis.text << std::flush;
    if (diagnosis.verdict != Diagnosis::Verdict::healthy)
      throw CLI::RuntimeError(static_cast<int>(diagnosis.verdict));
    return;
  }
  if (options.watch) return watch(options);
  if (!options.html.empty()) return write_page(options);
  if (options.critical_path) {
    const auto timeline = read_timeline(options.run_dir, options.at);
    std::cout << critical_path_text(timeline, critical_path(timeline));
    return;
  }
  const auto topology = read_topology(options.run_dir, options.at);
  if (options.json)
    std::cout << to_json(topology) << "\n";
  else
    std::cout << (options.dot ? to_dot(topology) : shown(to_text(topology) + gantt_of(options)));
}

}  // namespace

void add_topology(CLI::App& app) {
  auto* command = app.add_subcommand("topology", "Show a run's nodes, actors and messages");
  auto options = std::make_shared<Options>();
  command->add_option("RUN_DIR", options->run_dir, "A run that goes on, has ended or was killed")
      ->capture_default_str();
  auto* at = command->add_option("--at", options->at, "As it was at the end of this training step");
  add_cluster_option(*command, options->cluster);
  auto* forms = command->add_option_group("form");
  forms->add_flag("--json", options->json, "One JSON object (docs/topology.md)");
  forms->add_option("--html", options->html, "A page with all of it, at each step")->excludes(at);
  forms->add_flag("--dot", options->dot, "A graph for graphviz");
  forms->add_flag("--watch", options->watch, "Anew each second, until a key is pressed");
  forms->add_flag("--critical-path", options->critical_path, "What the last step's end waited for");
  forms->add_flag("--diagnose", options->diagnose,
                  "Is the run well? Exit status 0 healthy, 3 waiting, 4 dead");
  forms->require_option(0, 1);
  command->callback([options] { topology(*options); });
}

}  // namespace troupe
