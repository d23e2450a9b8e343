// `troupe score`: what a model makes of given tokens: log-probs, logits, or loss and gradients.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "actors/model/loaded_model.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "apps/score_output.h"
#include "apps/token_rows.h"
#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "storage/safetensors/writer.h"

namespace troupe {
namespace {

struct Options : ModelRunOptions {
  std::string tokens, logits;
  float temperature = 1;
  bool gradients = false, json = false;
};

std::unique_ptr<StageModel> make_stage(const LoadedModel& model, const Options& options, Head head,
                                       ThreadPool& pool) {
  StageOptions stage;
  stage.model = {.dtype = options.dtype(), .head = head, .temperature = options.temperature};
  stage.trainable = options.gradients ? Trainable::yes : Trainable::no;
  auto made = std::make_unique<StageModel>(model.config, stage, pool);
  made->load(model.weight_reader());
  return made;
}

void check_fits(const LoadedModel& model, size_t row, int64_t tokens) {
  if (tokens <= model.config.max_position_embeddings) return;
  throw UsageError("row " + std::to_string(row) + ": a sequence of " + std::to_string(tokens) +
                   " tokens is longer than the model's context of " +
                   std::to_string(model.config.max_position_embeddings) + " tokens");
}

// One row after the other, since logits are the largest thing that a model makes.
void write_logits(StageModel& model, const TokenRows& rows, int64_t vocab_size,
                  const std::string& path) {
  std::vector<TensorHeader> headers;
  for (size_t i = 0; i < rows.size(); ++i)
    headers.push_back({"row" + std::to_string(i), DType::f32, {std::ssize(rows[i]), vocab_size}});
  SafetensorsWriter writer(path, headers);
  for (const auto& header : writer.order()) {
    auto pack = std::make_shared<Pack>();
    pack->append(rows[std::stoul(header.name.substr(3))]);
    model.forward(0, pack, nullptr, nullptr);
    const auto size = static_cast<size_t>(num_elements(header.shape));
    writer.append(std::as_bytes(std::span(model.output(0, "logits").as<float>(), size)));
    model.finish(0);
  }
  writer.finish(false);
}

void score_tokens(const LoadedModel& model, const Options& options, ThreadPool& pool) {
  const auto rows = read_token_rows(options.tokens, model.config.vocab_size);
  for (size_t i = 0; i < rows.size(); ++i) check_fits(model, i, std::ssize(rows[i]));
  if (!options.logits.empty())
    write_logits(*make_stage(model, options, Head::logits, pool), rows, model.config.vocab_size,
                 options.logits);
  if (!options.logits.empty() && !options.json) return;
  const auto log_probs = next_log_probs(*make_stage(model, options, Head::log_prob, pool), rows);
  std::cout << (options.json ? log_probs_json(log_probs) : log_probs_text(log_probs));
}

void score_gradients(const LoadedModel& model, const Options& options, ThreadPool& pool) {
  const auto packs = read_labelled_packs(options.tokens, model.config.vocab_size);
  for (size_t i = 0; i < packs.size(); ++i)
    for (int32_t position : packs[i].pack.positions) check_fits(model, i, position + 1);
  const auto stage = make_stage(model, options, Head::log_prob, pool);
  GradientReport report;
  report.loss = mean_cross_entropy_with_gradients(*stage, packs);
  report.squares = stage->gradient_squares();
  std::cout << (options.json ? gradients_json(report) : gradients_text(report));
}

void score(const Options& options) {
  if (!(options.temperature > 0 && options.temperature <= 1e6f))
    throw UsageError("--temperature = " + std::to_string(options.temperature) +
                     ": expected a number above 0 and at most 1000000");
  if (options.gradients && !options.logits.empty())
    throw UsageError("--gradients and --logits: give one of them");
  ThreadPool pool(options.threads);
  const auto model = load_model(options.model);
  options.gradients ? score_gradients(model, options, pool) : score_tokens(model, options, pool);
}

}  // namespace

void add_score(CLI::App& app) {
  auto* command = app.add_subcommand("score", "Log-probs, logits or gradients of given tokens");
  auto options = std::make_shared<Options>();
  add_model_options(*command, *options);
  command->add_option("--tokens", options->tokens, "{\"tokens\": [[...], ...]} in a JSON file")
      ->required();
  command->add_option("--logits", options->logits, "Write f32 logits row0, row1, ... to this file");
  command->add_flag("--gradients", options->gradients,
                    "Loss and gradient norms; also of {\"ids\", \"positions\", \"document\", "
                    "\"labels\"} rows");
  command->add_option("--temperature", options->temperature, "That divides logits for log-probs")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { score(*options); });
}

}  // namespace troupe
