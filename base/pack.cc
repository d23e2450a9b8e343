#include "base/pack.h"

#include "base/error.h"

namespace troupe {

void Pack::append(std::span<const int32_t> ids) {
  if (sequence_starts.empty()) sequence_starts.push_back(0);
  for (size_t i = 0; i < ids.size(); ++i) {
    token_ids.push_back(ids[i]);
    positions.push_back(static_cast<int32_t>(i));
  }
  sequence_starts.push_back(static_cast<int32_t>(token_ids.size()));
}

void Pack::append(std::span<const int32_t> ids, const FlashMask& sequence_mask) {
  check_flash_mask(sequence_mask, static_cast<int64_t>(ids.size()));
  if (token_ids.empty())
    mask = sequence_mask;
  else
    mask.append(sequence_mask);
  append(ids);
}

void check_pack(const Pack& pack, int64_t vocab_size) {
  CHECK(pack.positions.size() == pack.token_ids.size(), pack.positions.size(),
        pack.token_ids.size());
  CHECK(pack.num_sequences() > 0, pack.num_sequences());
  CHECK(pack.sequence_starts.front() == 0, pack.sequence_starts.front());
  CHECK(pack.sequence_starts.back() == pack.num_tokens(), pack.sequence_starts.back(),
        pack.num_tokens());
  check_flash_mask(pack.mask, pack.num_tokens());
  for (int64_t i = 0; i < pack.num_sequences(); ++i)
    CHECK(pack.sequence_starts[i] < pack.sequence_starts[i + 1], i, pack.sequence_starts[i]);
  for (int64_t i = 0; i < pack.num_tokens(); ++i) {
    int32_t token_id = pack.token_ids[i];
    CHECK(token_id >= 0 && token_id < vocab_size, i, token_id, vocab_size);
  }
}

}  // namespace troupe
