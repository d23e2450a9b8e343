#include "actors/rlhf/mini_batches.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace troupe {
namespace {

// Fisher and Yates, with addressed numbers.
std::vector<size_t> permutation(size_t size, const RandomAddress& address) {
  std::vector<size_t> order(size);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = size; i > 1; --i)
    std::swap(order[i - 1], order[uniform_below(address, i, static_cast<uint32_t>(i))]);
  return order;
}

}  // namespace

std::vector<std::vector<MicroBatch>> split_into_mini_batches(std::vector<MicroBatch> micro_batches,
                                                             int64_t count,
                                                             const RandomAddress& address) {
  CHECK(count >= 1 && !micro_batches.empty(), count, micro_batches.size());
  std::vector<std::vector<MicroBatch>> mini_batches;
  if (count == 1) {
    mini_batches.push_back(std::move(micro_batches));
    return mini_batches;
  }
  const size_t size = micro_batches.size();
  const size_t parts = std::min(static_cast<size_t>(count), size);
  const auto order = permutation(size, address);
  mini_batches.resize(parts);
  for (size_t part = 0; part < parts; ++part) {
    std::vector<size_t> members(order.begin() + static_cast<int64_t>(part * size / parts),
                                order.begin() + static_cast<int64_t>((part + 1) * size / parts));
    std::sort(members.begin(), members.end());  // groups stay in order
    for (size_t member : members) {
      auto& batch = mini_batches[part].emplace_back(std::move(micro_batches[member]));
      batch.index = static_cast<int64_t>(mini_batches[part].size()) - 1;
    }
  }
  return mini_batches;
}

float weigh(std::vector<MicroBatch>& mini_batch, LossAggregation aggregation) {
  int64_t num_tokens = 0, num_sequences = 0;
  for (auto& batch : mini_batch) {
    auto& weight = batch.columns.at("weight");
    for (size_t i = 0; i + 1 < batch.sequence_starts.size(); ++i) {
      const size_t begin = batch.sequence_starts[i], end = batch.sequence_starts[i + 1];
      const std::vector<float> mask(weight.begin() + begin, weight.begin() + end);
      const auto tokens = std::count_if(mask.begin(), mask.end(), [](float m) { return m != 0; });
      num_tokens += tokens;
      num_sequences += tokens > 0;
      token_weights<float>(aggregation, mask, std::span(weight).subspan(begin, end - begin));
    }
  }
  return static_cast<float>(loss_scale(aggregation, num_tokens, num_sequences));
}

}  // namespace troupe
