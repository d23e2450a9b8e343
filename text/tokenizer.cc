#include "text/tokenizer.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/byte_level.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace troupe {
namespace {

// Added tokens that are looked for before normalisation, or (normalized) after it.
std::vector<AddedToken> added_tokens(const TokenizerSpec& spec, const Normalizer& normalizer,
                                     bool normalized) {
  std::vector<AddedToken> result;
  for (AddedToken token : spec.added_tokens) {
    if (token.normalized != normalized) continue;
    if (normalized) token.content = normalizer.apply(token.content);
    result.push_back(std::move(token));
  }
  return result;
}

}  // namespace

struct Tokenizer::Parts {
  Normalizer normalizer;
  AddedTokenFinder before_normalizer;
  AddedTokenFinder after_normalizer;
  PreTokenizer pre_tokenizer;
  BytePairMerger merger;
  std::vector<std::string> bytes;  // by id
  std::vector<bool> special;       // by id

  explicit Parts(const TokenizerSpec& spec)
      : normalizer(spec.normalizer),
        before_normalizer(added_tokens(spec, normalizer, false)),
        after_normalizer(added_tokens(spec, normalizer, true)),
        pre_tokenizer(spec.pre_tokenizer),
        merger(spec),
        special(spec.tokens.size()) {
    for (const std::string& token : spec.tokens)
      bytes.push_back(from_byte_level(token).value_or(token));
    for (const AddedToken& token : spec.added_tokens) {
      bytes[token.id] = token.content;
      special[token.id] = token.special;
    }
  }

  // Words recur, so each distinct piece of a text is merged once.
  void encode_words(std::string_view text, std::vector<int32_t>& ids) const {
    std::deque<std::string> storage;
    std::unordered_map<std::string_view, std::pair<size_t, size_t>> seen;
    for (std::string_view piece : pre_tokenizer.split(text, storage)) {
      const auto [known, is_new] = seen.try_emplace(piece);
      auto& [begin, end] = known->second;
      if (is_new) {
        begin = ids.size();
        merger.encode(piece, ids);
        end = ids.size();
      } else {
        for (size_t i = begin; i < end; ++i) ids.push_back(ids[i]);
      }
    }
  }

  void encode_segment(std::string_view text, bool recognise_special,
                      std::vector<int32_t>& ids) const {
    std::string normal;
    if (!normalizer.empty()) text = normal = normalizer.apply(text);
    if (after_normalizer.empty()) return encode_words(text, ids);
    for (const TextSegment& segment : after_normalizer.split(text, recognise_special)) {
      if (segment.id != kNoToken)
        ids.push_back(segment.id);
      else
        encode_words(segment.text, ids);
    }
  }
};

Tokenizer::Tokenizer(TokenizerSpec spec) : spec_(std::move(spec)) {
  check_tokenizer_spec(spec_);
  parts_ = std::make_unique<const Parts>(spec_);
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool recognise_special) const {
  std::vector<int32_t> ids;
  for (const TextSegment& segment : parts_->before_normalizer.split(text, recognise_special)) {
    if (segment.id != kNoToken)
      ids.push_back(segment.id);
    else
      parts_->encode_segment(segment.text, recognise_special, ids);
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (int32_t id : ids)
    if (const std::string& token = token_bytes(id); !skip_special || !is_special(id))
      bytes += token;
  return lossy_utf8(bytes);
}

const std::string& Tokenizer::token_bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size())
    throw Error("token id " + std::to_string(id) + " is outside the vocabulary of " +
                std::to_string(vocab_size()));
  return parts_->bytes[id];
}

std::optional<int32_t> Tokenizer::find_token(std::string_view text) const {
  const auto& bytes = parts_->bytes;
  const auto found = std::find(bytes.begin(), bytes.end(), text);
  if (text.empty() || found == bytes.end()) return std::nullopt;
  return static_cast<int32_t>(found - bytes.begin());
}

bool Tokenizer::is_special(int32_t id) const {
  CHECK(id >= 0 && id < vocab_size(), id, vocab_size());
  return parts_->special[id];
}

std::string StreamDecoder::push(int32_t id) {
  const std::string& token = tokenizer_->token_bytes(id);
  if (skip_special_ && tokenizer_->is_special(id)) return {};
  held_ += token;
  size_t whole = 0;
  while (whole < held_.size()) {
    const Utf8Char c = utf8_char(held_, whole);
    if (c.truncated) break;
    whole += c.length;
  }
  std::string text = lossy_utf8(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = lossy_utf8(held_);
  held_.clear();
  return text;
}

}  // namespace troupe
