// The options that every command has which runs a model, and what they open.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <thread>

#include "base/dtype.h"

namespace troupe {

struct ModelRunOptions {
  std::string model;
  std::string dtype_name = "f32";
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));

  DType dtype() const { return dtype_from_name(dtype_name); }
};

inline void add_model_options(CLI::App& command, ModelRunOptions& options) {
  command
      .add_option("--model", options.model, "A GGUF file, a Hugging Face folder or a checkpoint")
      ->required();
  command.add_option("--dtype", options.dtype_name, "Of weights and activations: f32 or bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "That compute; any number gives the same bits")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

}  // namespace troupe
