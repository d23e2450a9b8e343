// `troupe generate`: continues a prompt, or rows of token ids, all rows together.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "actors/model/loaded_model.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "apps/prompt_ids.h"
#include "apps/row_printer.h"
#include "apps/sampling_options.h"
#include "apps/token_rows.h"
#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "graph/generation/generator.h"

namespace troupe {
namespace {

struct Options : ModelRunOptions, SamplingRunOptions {
  std::optional<std::string> prompt, tokens;
  std::string weights = "auto", kv_cache_dtype = "auto";
  bool chat = false, json = false;

  WeightFormat weight_format() const {
    if (weights == "native") return WeightFormat::native;
    return weights == "int8" ? WeightFormat::int8 : WeightFormat::dense;
  }
};

TokenRows rows_of(const Options& o, const LoadedModel& model,
                  const std::optional<Tokenizer>& tokenizer) {
  if (o.tokens) return read_token_rows(*o.tokens, model.config.vocab_size);
  if (!tokenizer) throw UsageError(o.model + " has no tokenizer: give token ids with --tokens");
  return {o.chat ? chat_prompt_ids(*tokenizer, *o.prompt) : prompt_ids(*tokenizer, *o.prompt)};
}

GenerationRequest request_of(const Options& o, const LoadedModel& model, int64_t index,
                             const std::vector<int32_t>& row) {
  const int64_t context = model.config.max_position_embeddings;
  if (std::ssize(row) >= context)
    throw UsageError("row " + std::to_string(index) + ": a prompt of " +
                     std::to_string(row.size()) + " tokens leaves no room in the context of " +
                     std::to_string(context) + " tokens");
  GenerationRequest request;
  request.tag = request.key.prompt_id = index;
  request.prompt_ids = row;
  request.sampling = o.sampling;
  request.seed = o.seed;
  request.max_new_tokens = std::min(o.max_tokens, context - std::ssize(row));
  if (!o.ignore_eos) request.end_ids = model.source->eos_token_ids();
  return request;
}

std::unique_ptr<Generator> make_generator(const Options& o, const LoadedModel& model,
                                          const TokenRows& rows, ThreadPool& pool) {
  GeneratorOptions options = {
      .dtype = o.dtype(), .weights = o.weight_format(), .max_sequence_length = 1};
  if (o.kv_cache_dtype == "int8") options.cache_format = KeyValueFormat::int8;
  options.max_running_sequences = std::min<int64_t>(std::ssize(rows), 64);
  std::vector<GenerationRequest> requests;
  for (const auto& row : rows) {
    const auto& request = requests.emplace_back(request_of(o, model, std::ssize(requests), row));
    options.max_sequence_length =
        std::max(options.max_sequence_length, std::ssize(row) + request.max_new_tokens);
  }
  auto generator = std::make_unique<Generator>(model.config, options, pool);
  model.read_into(generator->parameters(), options.weights, pool);
  for (auto& request : requests) generator->submit(std::move(request));
  return generator;
}

// The new ids of each row; `printer` may be null.
TokenRows run(Generator& generator, size_t num_rows, RowPrinter* printer) {
  TokenRows responses(num_rows);
  while (!generator.is_idle()) {
    auto ended = generator.step();
    if (printer)
      for (const auto& token : generator.new_tokens())
        printer->push(static_cast<size_t>(token.tag), token.token_id);
    for (auto& result : ended) {
      if (printer) printer->finish(static_cast<size_t>(result.tag));
      responses.at(static_cast<size_t>(result.tag)) = std::move(result.response_ids);
    }
  }
  return responses;
}

void generate(const Options& o) {
  o.check();
  if (o.prompt.has_value() == o.tokens.has_value())
    throw UsageError("give one of --prompt TEXT and --tokens FILE.json");
  if (o.chat && o.tokens) throw UsageError("--chat goes with --prompt TEXT");
  const auto model = load_model(o.model);
  std::optional<Tokenizer> tokenizer;
  if (auto spec = model.source->tokenizer()) tokenizer.emplace(std::move(*spec));
  const auto rows = rows_of(o, model, tokenizer);
  if (!o.json && !tokenizer)
    throw UsageError(o.model + " has no tokenizer: --json prints token ids");
  ThreadPool pool(o.threads);
  const auto generator = make_generator(o, model, rows, pool);
  if (o.json) {
    std::cout << nlohmann::json{{"tokens", run(*generator, rows.size(), nullptr)}} << "\n";
    return;
  }
  RowPrinter printer(*tokenizer, rows.size(), std::cout);
  run(*generator, rows.size(), &printer);
}

}  // namespace

void add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "Continue a prompt, or rows of token ids");
  auto o = std::make_shared<Options>();
  add_model_options(*command, *o);
  command
      ->add_option("--weights", o->weights,
                   "auto: in --dtype; native: in the file's own blocks; int8: rounded to 8 bits")
      ->check(CLI::IsMember({"auto", "native", "int8"}))
      ->capture_default_str();
  command
      ->add_option("--kv-cache-dtype", o->kv_cache_dtype,
                   "auto: as they are computed; int8: rounded to 8 bits")
      ->check(CLI::IsMember({"auto", "int8"}))
      ->capture_default_str();
  command->add_option("--prompt", o->prompt, "The text to continue");
  command->add_flag("--chat", o->chat, "Take the prompt as a user's message, by the chat template");
  command->add_option("--tokens", o->tokens, "{\"tokens\": [[...], ...]} in a JSON file");
  add_sampling_options(*command, *o);
  command->add_flag("--json", o->json, "Print {\"tokens\": [[...], ...]}, the new ids of each row");
  command->callback([o] { generate(*o); });
}

}  // namespace troupe
