// `troupe convert SRC DST`: any model that troupe reads, as a Hugging Face folder.
#include "actors/model/convert.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "apps/commands.h"

namespace troupe {
namespace {

struct Options {
  std::string source;
  std::string destination;
  std::string dtype = "f32";
  uint64_t max_shard_bytes = ConvertOptions{}.max_shard_bytes;
};

void convert(const Options& options) {
  const auto result = convert_model(options.source, options.destination,
                                    {dtype_from_name(options.dtype), options.max_shard_bytes});
  std::cout << options.destination << ": " << result.tensors << " tensors, " << result.bytes
            << " bytes in " << result.files << (result.files == 1 ? " file\n" : " files\n");
}

}  // namespace

void add_convert(CLI::App& app) {
  auto* command = app.add_subcommand("convert", "Write a model as a Hugging Face folder");
  auto options = std::make_shared<Options>();
  command->add_option("SRC", options->source, "A GGUF file, a Hugging Face folder or a checkpoint")
      ->required();
  command->add_option("DST", options->destination, "The folder to make")->required();
  command->add_option("--dtype", options->dtype, "Of the weights that are written")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  command
      ->add_option("--max-shard-bytes", options->max_shard_bytes,
                   "Begin another file past this size")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->callback([options] { convert(*options); });
}

}  // namespace troupe
