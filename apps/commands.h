// The subcommands of troupe, one file each; troupe.cc lists them.
//
// Each function adds its subcommand with its options and a callback that does the work. A callback
// that returns is exit status 0; it throws UsageError for bad usage or config (2), any other Error
// for a run that failed (1), CLI::RuntimeError for another status that it has explained itself.
#pragma once

namespace CLI {
class App;
}

namespace troupe {

void add_audit(CLI::App& app);
void add_bench(CLI::App& app);
void add_checkpoint(CLI::App& app);
void add_chat_template(CLI::App& app);
void add_config(CLI::App& app);
void add_convert(CLI::App& app);
void add_generate(CLI::App& app);
void add_launch(CLI::App& app);
void add_node(CLI::App& app);
void add_plan(CLI::App& app);
void add_report(CLI::App& app);
void add_rlhf(CLI::App& app);
void add_score(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_topology(CLI::App& app);
void add_version(CLI::App& app);

}  // namespace troupe
