#include "apps/sampling_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <sstream>

#include "base/error.h"

namespace troupe {
namespace {

// The condition is written so that a NaN is refused too.
template <class Number>
void require(bool holds, const char* option, Number value, const char* expected) {
  if (holds) return;
  std::ostringstream message;
  message << option << " = " << value << ": expected " << expected;
  throw UsageError(message.str());
}

}  // namespace

void SamplingRunOptions::check() const {
  const auto& s = sampling;
  require(s.temperature >= 0 && s.temperature <= 1e6f, "--temperature", s.temperature,
          "a number from 0, which is greedy, to 1000000");
  require(s.top_p > 0 && s.top_p <= 1, "--top-p", s.top_p, "a number above 0 and at most 1");
  require(s.min_p >= 0 && s.min_p <= 1, "--min-p", s.min_p, "a number from 0 to 1");
  require(s.top_k >= 0, "--top-k", s.top_k, "a whole number of at least 0, which is all");
  require(s.repetition_penalty > 0 && s.repetition_penalty <= 1e6f, "--repetition-penalty",
          s.repetition_penalty, "a number above 0; 1 changes nothing");
  require(std::abs(s.frequency_penalty) <= 1e6f, "--frequency-penalty", s.frequency_penalty,
          "a number; 0 changes nothing");
  require(std::abs(s.presence_penalty) <= 1e6f, "--presence-penalty", s.presence_penalty,
          "a number; 0 changes nothing");
  require(max_tokens > 0, "--max-tokens", max_tokens, "a whole number of at least 1");
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
  command
      .add_option("--repetition-penalty", s.repetition_penalty,
                  "Divides positive logits of ids seen in prompt or response, multiplies others")
      ->capture_default_str();
  command
      .add_option("--frequency-penalty", s.frequency_penalty,
                  "Subtracted from a logit for each time that its id was generated")
      ->capture_default_str();
  command
      .add_option("--presence-penalty", s.presence_penalty,
                  "Subtracted once from the logits of ids that were generated")
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the noise: the same seed, the same text")
      ->capture_default_str();
  command
      .add_option("--max-tokens", options.max_tokens, "New ones; the model's context is the limit")
      ->capture_default_str();
  command.add_flag("--ignore-eos", options.ignore_eos, "Go on after an end token");
}

}  // namespace troupe
