// A compiled pattern of a tokenizer file, over PCRE2 with JIT. HF's files are written for
// Oniguruma; where the two disagree (what \s means, ^ and $ at line breaks) Oniguruma's meaning is
// kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe {

class Regex {
 public:
  // Throws Error with the pattern, the place and PCRE2's words.
  explicit Regex(const std::string& pattern);

  // Calls `found(begin, end)` (byte offsets) for every match from left to right; a match may be
  // empty. Bytes that are not UTF-8 match nothing. May be called by several threads at once.
  void for_each_match(std::string_view text,
                      const std::function<void(size_t, size_t)>& found) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
};

}  // namespace troupe
