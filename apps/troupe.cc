// The command line: reads the subcommand, runs it, and turns what it throws into one short message
// and an exit status: 0 done, 1 failed run, 2 bad usage or config.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "apps/commands.h"
#include "apps/exit_status.h"
#include "apps/set_option.h"

namespace troupe {
namespace {

void add_commands(CLI::App& app) {
  add_audit(app);
  add_bench(app);
  add_checkpoint(app);
  add_chat_template(app);
  add_config(app);
  add_convert(app);
  add_generate(app);
  add_launch(app);
  add_node(app);
  add_plan(app);
  add_report(app);
  add_rlhf(app);
  add_score(app);
  add_tokenize(app);
  add_topology(app);
  add_version(app);
}

int run(int argc, char** argv) {
  CLI::App app("troupe trains and serves large language models with a cast of actors.", "troupe");
  app.require_subcommand(1);
  add_commands(app);
  auto words = one_assignment_each({argv + 1, argv + argc});
  return exit_status_of(app, [&] {
    check_subcommand(app, words);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(words);
    std::cout << std::flush;
  });
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away shows as a failed write
  std::cout.exceptions(std::ios::badbit);
  const int status = troupe::run(argc, argv);
  std::fflush(nullptr);
  std::_Exit(status);  // a launcher's actor system is not unwound (actors/cluster/cluster.h)
}
