#include "text/tokenizer_spec.h"

#include "base/error.h"

namespace troupe {
namespace {

void check_id(const TokenizerSpec& spec, int32_t id, const char* name) {
  if (id == kNoToken) return;
  const auto vocab_size = static_cast<int64_t>(spec.tokens.size());
  if (id < 0 || id >= vocab_size || spec.tokens[id].empty())
    throw Error("tokenizer: " + std::string(name) + " is " + std::to_string(id) +
                ", but no token has that id (vocabulary: " + std::to_string(vocab_size) +
                " tokens)");
}

}  // namespace

void check_tokenizer_spec(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) throw Error("tokenizer: the vocabulary is empty");
  check_id(spec, spec.bos_id, "bos token id");
  check_id(spec, spec.eos_id, "eos token id");
  check_id(spec, spec.pad_id, "pad token id");
  check_id(spec, spec.unk_id, "unk token id");
  for (int32_t id : spec.stop_ids) check_id(spec, id, "stop token id");
  for (const AddedToken& token : spec.added_tokens) {
    check_id(spec, token.id, "added token's id");
    if (token.id == kNoToken || token.content.empty())
      throw Error("tokenizer: added token \"" + token.content + "\" has no id or no content");
  }
  if (spec.emit_unk && spec.unk_id == kNoToken)
    throw Error("tokenizer: unknown bytes shall become unk, but there is no unk token");
}

}  // namespace troupe
