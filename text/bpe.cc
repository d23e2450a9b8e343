#include "text/bpe.h"

#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/error.h"
#include "text/byte_level.h"

namespace troupe {
namespace {

uint64_t key_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Ordinary tokens win over added ones of the same spelling.
std::unordered_map<std::string, int32_t> ids_by_token(const TokenizerSpec& spec) {
  std::unordered_set<int32_t> added;
  for (const AddedToken& token : spec.added_tokens) added.insert(token.id);
  std::unordered_map<std::string, int32_t> ids;
  for (int pass = 0; pass < 2; ++pass)
    for (size_t id = 0; id < spec.tokens.size(); ++id)
      if (!spec.tokens[id].empty() && added.contains(static_cast<int32_t>(id)) == (pass == 1))
        ids.emplace(spec.tokens[id], static_cast<int32_t>(id));
  return ids;
}

struct Candidate {
  int32_t rank;
  int32_t left;  // index of the left symbol
  int32_t id;    // of the merged token
  // The queue's top is the lowest rank, then the leftmost place.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

// A node of the list of symbols; merged-away ones have no id.
struct BytePairMerger::Symbol {
  int32_t id;
  int32_t previous;
  int32_t next;
};

BytePairMerger::BytePairMerger(const TokenizerSpec& spec) {
  auto ids = ids_by_token(spec);
  auto id_of = [&](const std::string& token, size_t rank) {
    const auto found = ids.find(token);
    if (found == ids.end())
      throw Error("tokenizer: merge " + std::to_string(rank) + " (\"" + spec.merges[rank].first +
                  "\" + \"" + spec.merges[rank].second + "\") needs \"" + token +
                  "\", which is not in the vocabulary");
    return found->second;
  };
  const auto alphabet = byte_level_alphabet();
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(alphabet[byte]);
    byte_ids_[byte] = found != ids.end() ? found->second : spec.emit_unk ? spec.unk_id : kNoToken;
  }
  merges_.reserve(spec.merges.size() * 2);
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    const int32_t merged = id_of(left + right, rank);
    merges_[key_of(id_of(left, rank), id_of(right, rank))] = {static_cast<int32_t>(rank), merged};
  }
  if (spec.ignore_merges) whole_pieces_ = std::move(ids);
}

const BytePairMerger::Merge* BytePairMerger::find(int32_t left, int32_t right) const {
  const auto found = merges_.find(key_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<BytePairMerger::Symbol> BytePairMerger::symbols_of(std::string_view piece) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  for (char byte : piece) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    const auto index = static_cast<int32_t>(symbols.size());
    if (id != kNoToken) symbols.push_back({id, index - 1, index + 1});
  }
  if (!symbols.empty()) symbols.back().next = -1;
  return symbols;
}

void BytePairMerger::merge_all(std::vector<Symbol>& symbols) const {
  std::priority_queue<Candidate> queue;
  auto offer = [&](int32_t left) {
    if (left < 0 || symbols[left].next < 0) return;
    if (const Merge* merge = find(symbols[left].id, symbols[symbols[left].next].id))
      queue.push({merge->rank, left, merge->id});
  };
  for (size_t i = 0; i < symbols.size(); ++i) offer(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.id == kNoToken || left.next < 0) continue;
    const Merge* now = find(left.id, symbols[left.next].id);
    if (now == nullptr || now->rank != best.rank) continue;  // a neighbour was merged meanwhile
    Symbol& right = symbols[left.next];
    left.id = best.id;
    left.next = right.next;
    right.id = kNoToken;
    if (left.next >= 0) symbols[left.next].previous = best.left;
    offer(left.previous);
    offer(best.left);
  }
}

void BytePairMerger::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (!whole_pieces_.empty())
    if (const auto whole = whole_pieces_.find(to_byte_level(piece)); whole != whole_pieces_.end()) {
      ids.push_back(whole->second);
      return;
    }
  auto symbols = symbols_of(piece);
  merge_all(symbols);
  for (const Symbol& symbol : symbols)
    if (symbol.id != kNoToken) ids.push_back(symbol.id);
}

}  // namespace troupe
