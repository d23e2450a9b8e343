#include "apps/sampling_options.h"

#include <CLI/CLI.hpp>
#include <string>

#include "base/error.h"

namespace troupe {
namespace {

// Written so that a NaN is refused too.
void require(bool holds, const std::string& message) {
  if (!holds) throw UsageError(message);
}

}  // namespace

void SamplingRunOptions::check() const {
  require(sampling.temperature >= 0 && sampling.temperature <= 1e6f,
          "--temperature: expected a number of at least 0, which is greedy");
  require(sampling.top_p > 0 && sampling.top_p <= 1,
          "--top-p: expected a number above 0 and at most 1");
  require(sampling.min_p >= 0 && sampling.min_p <= 1, "--min-p: expected a number from 0 to 1");
  require(sampling.top_k >= 0, "--top-k: expected a whole number of at least 0, which is all");
  require(max_tokens > 0, "--max-tokens: expected a whole number of at least 1");
}

void add_sampling_options(CLI::App& command, SamplingRunOptions& options) {
  auto& s = options.sampling;
  command.add_option("--temperature", s.temperature, "0 is greedy, 1 the model's own distribution")
      ->capture_default_str();
  command.add_option("--top-k", s.top_k, "Only so many likeliest tokens; 0: all")
      ->capture_default_str();
  command.add_option("--top-p", s.top_p, "The smallest set of likeliest tokens that reaches this")
      ->capture_default_str();
  command.add_option("--min-p", s.min_p, "At least this share of the likeliest's probability")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the noise: the same seed, the same text")
      ->capture_default_str();
  command
      .add_option("--max-tokens", options.max_tokens, "New ones; the model's context is the limit")
      ->capture_default_str();
  command.add_flag("--ignore-eos", options.ignore_eos, "Go on after an end token");
}

}  // namespace troupe
