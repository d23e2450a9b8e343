// Which whole sequences share a micro-batch. Decided from lengths alone, before any parallel layout
// is known, so that the sums of a step have one order everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

using PackPlan = std::vector<std::vector<int32_t>>;  // per pack, indices of sequences, ascending

// Best-fit decreasing: the longest sequence left goes into the fullest pack that still has room for
// it, or opens one. Equal lengths go by index, equally full packs by age. Packs come out ordered by
// their first sequence. Throws if a sequence is empty or longer than `max_tokens`.
PackPlan pack_best_fit(std::span<const int64_t> lengths, int64_t max_tokens);

// Keeps the order: a pack closes when the next sequence doesn't fit.
PackPlan pack_in_order(std::span<const int64_t> lengths, int64_t max_tokens);

// Deals packs into `data_slices` ordered groups, balanced by tokens: the largest pack left goes to
// the group with the fewest tokens, ties to the lower index. Returns, per group, indices of packs,
// ascending; a group may be empty.
std::vector<std::vector<int32_t>> deal_packs(const PackPlan& packs,
                                             std::span<const int64_t> lengths, int32_t data_slices);

int64_t tokens_of(const std::vector<int32_t>& pack, std::span<const int64_t> lengths);

}  // namespace troupe
