// `troupe generate`: continues a prompt, or rows of token ids, all rows together.
#include <CLI/CLI.hpp>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

#include "actors/model/loaded_model.h"
#include "apps/commands.h"
#include "apps/model_options.h"
#include "apps/row_printer.h"
#include "apps/token_rows.h"
#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "graph/generation/generator.h"
#include "text/chat_template.h"

namespace troupe {
namespace {

struct Options : ModelRunOptions {
  std::string prompt, tokens;
  bool chat = false, ignore_eos = false, json = false;
  SamplingOptions sampling = {.temperature = 0.7f};
  uint64_t seed = 0;
  int64_t max_tokens = 256;
};

void check(const Options& o, const CLI::App& command) {
  const auto given = [&](const char* name) { return command.count(name) > 0; };
  if (given("--prompt") == given("--tokens"))
    throw UsageError("give one of --prompt TEXT and --tokens FILE.json");
  if (o.chat && !given("--prompt")) throw UsageError("--chat goes with --prompt TEXT");
  const auto& s = o.sampling;
  const auto require = [](bool holds, const std::string& message) {
    if (!holds) throw UsageError(message);
  };
  require(s.temperature >= 0 && s.temperature <= 1e6f,
          "--temperature: expected a number of at least 0, which is greedy");
  require(s.top_p > 0 && s.top_p <= 1, "--top-p: expected a number above 0 and at most 1");
  require(s.min_p >= 0 && s.min_p <= 1, "--min-p: expected a number from 0 to 1");
  require(s.top_k >= 0, "--top-k: expected a whole number of at least 0, which is all");
  require(o.max_tokens > 0, "--max-tokens: expected a whole number of at least 1");
}

// The prompt as one message of a user, with the opening of the answer.
std::string as_chat(const std::string& prompt, const TokenizerSpec& spec, const std::string& path) {
  if (spec.chat_template.empty())
    throw UsageError(path + " has no chat template: leave --chat out");
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  if (spec.bos_id != kNoToken) variables["bos_token"] = spec.tokens[spec.bos_id];
  if (spec.eos_id != kNoToken) variables["eos_token"] = spec.tokens[spec.eos_id];
  return render_chat(spec.chat_template, {{{"role", "user"}, {"content", prompt}}}, true,
                     variables);
}

TokenRows prompt_rows(const Options& o, const LoadedModel& model, const Tokenizer* tokenizer) {
  if (!o.tokens.empty()) return read_token_rows(o.tokens, model.config.vocab_size);
  if (!tokenizer) throw UsageError(o.model + " has no tokenizer: give token ids with --tokens");
  const auto& spec = tokenizer->spec();
  auto ids = tokenizer->encode(o.chat ? as_chat(o.prompt, spec, o.model) : o.prompt);
  if (spec.add_bos && !o.chat && spec.bos_id != kNoToken) ids.insert(ids.begin(), spec.bos_id);
  if (ids.empty()) throw UsageError("--prompt: there is nothing to continue");
  for (int32_t id : ids) CHECK(id < model.config.vocab_size, o.model, id, model.config.vocab_size);
  return {ids};
}

std::vector<GenerationRequest> requests_of(const Options& o, const LoadedModel& model,
                                           const TokenRows& rows) {
  const int64_t context = model.config.max_position_embeddings;
  std::vector<GenerationRequest> requests;
  for (const auto& row : rows) {
    const int64_t index = std::ssize(requests);
    if (std::ssize(row) >= context)
      throw UsageError(
          "row " + std::to_string(index) + ": a prompt of " + std::to_string(row.size()) +
          " tokens leaves no room in the model's context of " + std::to_string(context));
    GenerationRequest request;
    request.tag = request.key.prompt_id = index;
    request.prompt_ids = row;
    request.sampling = o.sampling;
    request.seed = o.seed;
    request.max_new_tokens = std::min(o.max_tokens, context - std::ssize(row));
    if (!o.ignore_eos) request.end_ids = model.source->eos_token_ids();
    requests.push_back(std::move(request));
  }
  return requests;
}

GeneratorOptions generator_options(const Options& o,
                                   const std::vector<GenerationRequest>& requests) {
  GeneratorOptions options = {.dtype = o.dtype()};
  options.max_running_sequences = std::min<int64_t>(std::ssize(requests), 64);
  options.max_sequence_length = 1;
  for (const auto& r : requests)
    options.max_sequence_length =
        std::max(options.max_sequence_length, std::ssize(r.prompt_ids) + r.max_new_tokens);
  return options;
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
  const auto model = load_model(o.model);
  std::optional<Tokenizer> tokenizer;
  if (auto spec = model.source->tokenizer()) tokenizer.emplace(std::move(*spec));
  const auto rows = prompt_rows(o, model, tokenizer ? &*tokenizer : nullptr);
  const auto requests = requests_of(o, model, rows);
  if (!o.json && !tokenizer)
    throw UsageError(o.model + " has no tokenizer: --json prints token ids");
  ThreadPool pool(o.threads);
  Generator generator(model.config, generator_options(o, requests), pool);
  generator.parameters().read(model.weight_reader(), pool);
  for (const auto& request : requests) generator.submit(request);
  if (o.json) {
    std::cout << nlohmann::json{{"tokens", run(generator, rows.size(), nullptr)}} << "\n";
    return;
  }
  RowPrinter printer(*tokenizer, rows.size(), std::cout);
  run(generator, rows.size(), &printer);
}

void add_sampling_options(CLI::App& command, Options& o) {
  auto& s = o.sampling;
  command.add_option("--temperature", s.temperature, "0 is greedy, 1 the model's own distribution")
      ->capture_default_str();
  command.add_option("--top-k", s.top_k, "Only so many likeliest tokens; 0: all")
      ->capture_default_str();
  command.add_option("--top-p", s.top_p, "The smallest set of likeliest tokens that reaches this")
      ->capture_default_str();
  command.add_option("--min-p", s.min_p, "At least this share of the likeliest's probability")
      ->capture_default_str();
  command.add_option("--seed", o.seed, "Of the noise: the same seed, the same text")
      ->capture_default_str();
}

}  // namespace

void add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "Continue a prompt, or rows of token ids");
  auto o = std::make_shared<Options>();
  add_model_options(*command, *o);
  command->add_option("--prompt", o->prompt, "The text to continue");
  command->add_flag("--chat", o->chat, "Take the prompt as a user's message, by the chat template");
  command->add_option("--tokens", o->tokens, "{\"tokens\": [[...], ...]} in a JSON file");
  add_sampling_options(*command, *o);
  command->add_option("--max-tokens", o->max_tokens, "New ones, at most; the context is the limit")
      ->capture_default_str();
  command->add_flag("--ignore-eos", o->ignore_eos, "Go on after an end token");
  command->add_flag("--json", o->json, "Print {\"tokens\": [[...], ...]}, the new ids of each row");
  command->callback([o, command] {
    check(*o, *command);
    generate(*o);
  });
}

}  // namespace troupe
