// All that makes a byte-level BPE tokenizer, as plain data. HF's tokenizer.json and GGUF metadata
// are read into it, and it can be written as a folder that HF reads.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace troupe {

constexpr int32_t kNoToken = -1;

// A token that is looked for in the text itself, before any splitting (HF's AddedToken).
struct AddedToken {
  int32_t id = kNoToken;
  std::string content;       // plain text, not byte-level form
  bool special = false;      // control tokens; others are ordinary words
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool single_word = false;  // only where no letter or digit touches it
  bool normalized = false;   // looked for after normalisation
};

// What becomes of the matches of a split (HF's SplitDelimiterBehavior).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct PreTokenizerStep {
  enum class Kind {
    digits,        // numerals (\p{N}): each alone, or in runs where behavior is contiguous
    split_regex,   // by `pattern`
    split_string,  // by the literal `pattern`
    prefix_space,  // a space in front of every piece that has none
    gpt2           // GPT-2's own pattern (HF: ByteLevel with use_regex)
  };
  Kind kind = Kind::gpt2;
  std::string pattern = {};
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  // the gaps between matches are the matches
};

struct NormalizerStep {
  enum class Kind { nfc, nfd, nfkc, nfkd, lowercase, prepend, replace_string, replace_regex };
  Kind kind = Kind::nfc;
  std::string pattern = {};
  std::string content = {};  // what is prepended, or put in the match's place
};

struct TokenizerSpec {
  std::vector<std::string> tokens;  // by id; byte-level form, added tokens plain; "" = no such id
  std::vector<std::pair<std::string, std::string>> merges;  // best first
  std::vector<AddedToken> added_tokens;
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
  bool emit_unk = false;       // bytes without a token become unk_id; otherwise they are dropped
  int32_t bos_id = kNoToken;
  int32_t eos_id = kNoToken;
  int32_t pad_id = kNoToken;
  int32_t unk_id = kNoToken;
  std::vector<int32_t> stop_ids;  // every token that ends a response; eos_id is among them
  bool add_bos = false;           // the model expects bos_id first; encode() itself adds nothing
  std::string chat_template;      // Jinja; empty = none
};

// Throws Error naming the first token, merge or id that does not fit the rest.
void check_tokenizer_spec(const TokenizerSpec& spec);

}  // namespace troupe
