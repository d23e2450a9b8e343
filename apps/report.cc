// `troupe report RUN_DIR`: what a run did, as a page or as a trace.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>

#include "apps/commands.h"
#include "apps/report_page.h"
#include "base/error.h"
#include "storage/inspect/chrome_trace.h"

namespace troupe {
namespace {

struct Options {
  std::string run_dir = "runs/latest", html, trace;
  std::vector<int64_t> steps;  // first and last; empty: the last one
};

std::ofstream open(const std::string& path) {
  std::ofstream file(path);
  if (!file) throw Error(path + ": cannot be written");
  return file;
}

std::vector<Timeline> timelines(const Options& options) {
  if (options.steps.empty()) return {read_timeline(options.run_dir)};
  if (options.steps[0] > options.steps[1])
    throw UsageError("--steps " + std::to_string(options.steps[0]) + " " +
                     std::to_string(options.steps[1]) + ": the first comes after the last");
  std::vector<Timeline> all;
  for (int64_t step = options.steps[0]; step <= options.steps[1]; ++step)
    all.push_back(read_timeline(options.run_dir, step));
  return all;
}

void report(const Options& options) {
  if (options.html.empty() && options.trace.empty())
    throw UsageError("report: give --html FILE or --trace FILE");
  if (!options.html.empty()) {
    const auto page = report_page(options.run_dir);
    auto file = open(options.html);
    if (!(file << page << std::flush)) throw Error(options.html + ": cannot be written");
  }
  if (!options.trace.empty()) {
    const auto steps = timelines(options);
    auto file = open(options.trace);
    write_chrome_trace(steps, file);
    if (!file.flush()) throw Error(options.trace + ": cannot be written");
  }
}

}  // namespace

void add_report(CLI::App& app) {
  auto* command = app.add_subcommand("report", "Tell what a run did, as a page or as a trace");
  auto options = std::make_shared<Options>();
  command->add_option("RUN_DIR", options->run_dir, "The run's folder")->capture_default_str();
  command->add_option("--html", options->html, "A page with curves, times, samples, config, hash");
  auto* trace = command->add_option("--trace", options->trace,
                                    "A trace of the actors, for Perfetto or about:tracing");
  command->add_option("--steps", options->steps, "The trace's first and last training step")
      ->expected(2)
      ->needs(trace);
  command->callback([options] { report(*options); });
}

}  // namespace troupe
