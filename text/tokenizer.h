// Byte-level BPE: text to token ids and back, exactly as HF's tokenizers library does it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_spec.h"

namespace troupe {

// Immutable once built: any number of threads may use one.
class Tokenizer {
 public:
  // Throws Error naming what in the spec does not fit.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Adds nothing of its own, bos neither. Where special tokens are not recognised, "<|im_end|>" is
  // ordinary text. Text that is not UTF-8 keeps its bytes; bytes that the vocabulary lacks are
  // dropped (HF does the same) unless the spec says that they become unk.
  std::vector<int32_t> encode(std::string_view text, bool recognise_special = true) const;

  // Ill-formed UTF-8 becomes U+FFFD. Throws Error on an id outside the vocabulary.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // The token's raw bytes, which need not be whole characters.
  const std::string& token_bytes(int32_t id) const;

  // The first token that has these bytes, such as find_token("<|im_end|>").
  std::optional<int32_t> find_token(std::string_view text) const;

  int32_t vocab_size() const { return static_cast<int32_t>(spec_.tokens.size()); }
  bool is_special(int32_t id) const;
  int32_t bos_id() const { return spec_.bos_id; }  // kNoToken where there is none
  int32_t eos_id() const { return spec_.eos_id; }
  int32_t pad_id() const { return spec_.pad_id; }
  const std::vector<int32_t>& stop_ids() const { return spec_.stop_ids; }
  const TokenizerSpec& spec() const { return spec_; }

 private:
  struct Parts;
  TokenizerSpec spec_;
  std::unique_ptr<const Parts> parts_;
};

// Decodes ids one after another; hands out only whole characters. All that it returned, and what
// finish() returns, put together is what Tokenizer::decode gives.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}
  std::string push(int32_t id);
  std::string finish();  // what is still held back, as U+FFFD

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string held_;  // the beginning of a character
};

}  // namespace troupe
