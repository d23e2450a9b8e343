#include "kernels/sampling/penalties.h"

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

// body(id, count) for each id there is.
template <class Body>
void for_each_id(std::span<const int32_t> ids, Body&& body) {
  thread_local std::vector<int32_t> sorted;
  sorted.assign(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t begin = 0, end; begin < sorted.size(); begin = end) {
    for (end = begin + 1; end < sorted.size() && sorted[end] == sorted[begin];) ++end;
    body(sorted[begin], static_cast<float>(end - begin));
  }
}

}  // namespace

bool has_penalties(const SamplingOptions& options) {
  return options.repetition_penalty != 1 || options.frequency_penalty != 0 ||
         options.presence_penalty != 0;
}

void apply_penalties(std::span<float> logits, const SamplingOptions& options, const SeenIds& seen) {
  CHECK(seen.num_prompt <= seen.ids.size(), seen.num_prompt, seen.ids.size());
  const auto logit_of = [&](int32_t id) -> float& {
    CHECK(id >= 0 && id < static_cast<int64_t>(logits.size()), id, logits.size());
    return logits[static_cast<size_t>(id)];
  };
  if (const float penalty = options.repetition_penalty; penalty != 1)
    for_each_id(seen.ids, [&](int32_t id, float) {
      float& logit = logit_of(id);
      logit = logit > 0 ? logit / penalty : logit * penalty;
    });
  if (options.frequency_penalty == 0 && options.presence_penalty == 0) return;
  for_each_id(seen.ids.subspan(seen.num_prompt), [&](int32_t id, float count) {
    logit_of(id) -= options.frequency_penalty * count + options.presence_penalty;
  });
}

}  // namespace troupe
