// `troupe checkpoint`: looks at checkpoints on disk. verify hashes everything again; show says what
// is in one.
#include "storage/checkpoint/checkpoint.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "base/error.h"
#include "storage/checkpoint/manifest.h"
#include "storage/file.h"

namespace troupe {
namespace {

// A checkpoint's own folder, or a run's, whose latest checkpoint is meant.
std::string find_checkpoint(const std::string& folder) {
  if (std::filesystem::exists(folder + "/manifest.json")) return folder;
  if (const auto latest = latest_checkpoint(folder)) return *latest;
  throw UsageError(folder +
                   ": expected a checkpoint (with a manifest.json) or a run folder that has one");
}

void verify(const std::string& folder) {
  const auto found = find_checkpoint(folder);
  const auto size = verify_checkpoint(found);
  std::cout << found << ": " << size.files << " files, " << size.tensors << " tensors, "
            << size.bytes << " bytes, all as written\n";
}

void show(const std::string& folder) {
  const auto found = find_checkpoint(folder);
  const auto manifest = read_manifest(found);
  const auto state = read_json_file(found + "/state.json");
  std::cout << "checkpoint   " << found << '\n';
  if (state.contains("step")) std::cout << "step         " << state["step"] << '\n';
  std::cout << "model hash   " << model_hash(found) << '\n';
  std::cout << "numerics     " << manifest.at("numerics").dump() << '\n';
  for (const auto& [name, file] : manifest.at("files").items())
    std::cout << file.at("xxh3").get<std::string>() << "  " << file.at("bytes") << "  " << name
              << '\n';
}

void add(CLI::App& parent, const std::string& name, const std::string& meaning,
         void (*run)(const std::string&)) {
  auto* command = parent.add_subcommand(name, meaning);
  auto folder = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "A checkpoint, or a run, whose latest is meant")->required();
  command->callback([folder, run] { run(*folder); });
}

}  // namespace

void add_checkpoint(CLI::App& app) {
  auto* command = app.add_subcommand("checkpoint", "Look at checkpoints on disk");
  command->require_subcommand(1);
  add(*command, "verify", "Hash everything again and name the first flipped tensor or file",
      verify);
  add(*command, "show", "Print step, model hash, numerics and files", show);
}

}  // namespace troupe
