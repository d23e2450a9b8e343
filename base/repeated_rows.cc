#include "base/repeated_rows.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace troupe {
namespace {

std::span<const int32_t> part(const std::vector<int32_t>& tokens, const RowRange& sequence) {
  return std::span(tokens).subspan(sequence.begin, sequence.size());
}

int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

// By tokens: each has its longest common beginning with a neighbour.
std::vector<RowRange> sorted_sequences(const Pack& pack) {
  std::vector<RowRange> sequences;
  for (int64_t i = 0; i < pack.num_sequences(); ++i)
    sequences.push_back({pack.sequence_starts[i], pack.sequence_starts[i + 1]});
  std::ranges::stable_sort(sequences, [&](const RowRange& a, const RowRange& b) {
    return std::ranges::lexicographical_compare(part(pack.token_ids, a), part(pack.token_ids, b));
  });
  return sequences;
}

// Of each row the one that it is as, or itself.
std::vector<int64_t> sources_of(const Pack& pack) {
  std::vector<int64_t> sources(pack.token_ids.size());
  std::iota(sources.begin(), sources.end(), 0);
  const auto sequences = sorted_sequences(pack);
  for (size_t i = 1; i < sequences.size(); ++i) {
    const RowRange &before = sequences[i - 1], &after = sequences[i];
    const auto shared = [&](const std::vector<int32_t>& values) {
      return common_prefix(part(values, before), part(values, after));
    };
    const int64_t count = std::min(shared(pack.token_ids), shared(pack.positions));
    if (count < kFewestRepeatedRows) continue;
    std::copy_n(sources.begin() + before.begin, count, sources.begin() + after.begin);
  }
  return sources;
}

}  // namespace

int64_t RepeatedRows::num_rows() const {
  int64_t count = 0;
  for (const RowRange& range : distinct) count += range.size();
  for (const RowCopy& copy : copies) count += copy.count;
  return count;
}

RepeatedRows find_repeated_rows(const Pack& pack) {
  RepeatedRows repeated;
  if (!pack.mask.empty()) return repeated;
  const auto sources = sources_of(pack);
  const auto num_rows = std::ssize(sources);
  for (int64_t row = 0; row < num_rows;) {
    const int64_t begin = row, distance = row - sources[row];
    while (row < num_rows && row - sources[row] == distance) ++row;
    if (distance == 0)
      repeated.distinct.push_back({begin, row});
    else
      repeated.copies.push_back({begin, begin - distance, row - begin});
  }
  return repeated;
}

}  // namespace troupe
