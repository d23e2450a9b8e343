// Finds added tokens ("<|im_end|>") in a text: at each place the longest, from left to right, with
// the rules of HF's AddedToken flags.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer_spec.h"

namespace troupe {

// A stretch of text: an added token, or (id == kNoToken) the text between two.
struct TextSegment {
  std::string_view text;
  int32_t id = kNoToken;
};

class AddedTokenFinder {
 public:
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);
  bool empty() const { return tokens_.empty(); }

  // Segments in order, none empty. Special tokens are left inside the text unless asked for.
  std::vector<TextSegment> split(std::string_view text, bool recognise_special) const;

 private:
  const AddedToken* longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  // Nodes of a trie: (node, byte) -> child; the root is 0.
  std::unordered_map<uint64_t, uint32_t> children_;
  std::vector<int32_t> token_of_node_;  // index in tokens_, or -1
  bool starts_[256] = {};
};

}  // namespace troupe
