// Rewrites text before it is split: Unicode normal forms, lower case, replacements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"
#include "text/tokenizer_spec.h"

namespace troupe {

class Normalizer {
 public:
  explicit Normalizer(const std::vector<NormalizerStep>& steps);
  bool empty() const { return steps_.empty(); }
  // Bytes that are not UTF-8 pass through unchanged.
  std::string apply(std::string_view text) const;

 private:
  struct Step {
    NormalizerStep spec;
    std::vector<Regex> regex;  // one for replace_regex, else none
  };
  std::vector<Step> steps_;
};

// Unicode case, character by character; also what templates' upper and lower filters use.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

}  // namespace troupe
