// Byte-pair merging: turns one piece of text into token ids by applying the best-ranked merge that
// its neighbours allow until none is left.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer_spec.h"

namespace troupe {

class BytePairMerger {
 public:
  // Throws Error naming the first merge whose parts or result are no tokens.
  explicit BytePairMerger(const TokenizerSpec& spec);

  // Appends the piece's ids. O(n log n) in its bytes.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    int32_t rank = 0;
    int32_t id = 0;
  };
  struct Symbol;
  std::vector<Symbol> symbols_of(std::string_view piece) const;
  const Merge* find(int32_t left, int32_t right) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  std::array<int32_t, 256> byte_ids_{};  // kNoToken where the vocabulary lacks the byte
  std::unordered_map<uint64_t, Merge> merges_;
  std::unordered_map<std::string, int32_t> whole_pieces_;  // filled where merges are ignored
};

}  // namespace troupe
