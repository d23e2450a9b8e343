// Cuts text into the pieces inside which BPE merges.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"
#include "text/tokenizer_spec.h"

namespace troupe {

// GPT-2's pattern, which HF's ByteLevel applies unless told otherwise.
extern const char* const kGpt2Pattern;

class PreTokenizer {
 public:
  explicit PreTokenizer(const std::vector<PreTokenizerStep>& steps);

  // Non-empty pieces in order; views of `text` or of a string that the call appends to `storage`.
  std::vector<std::string_view> split(std::string_view text,
                                      std::deque<std::string>& storage) const;

 private:
  struct Step {
    PreTokenizerStep spec;
    std::vector<Regex> regex;  // one, or none where the step needs none
  };
  std::vector<Step> steps_;
};

}  // namespace troupe
