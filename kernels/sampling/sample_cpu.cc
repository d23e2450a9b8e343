#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/loops.h"
#include "kernels/math.h"
#include "kernels/sampling/sample.h"

namespace troupe {
namespace {

struct Candidate {
  float logit;   // divided by the temperature
  float weight;  // exp(logit - max)
  int32_t id;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

void check(std::span<const float> logits, const SamplingOptions& options) {
  CHECK(!logits.empty());
  CHECK(options.temperature >= 0, options.temperature);
  CHECK(options.top_k >= 0, options.top_k);
  CHECK(options.top_p > 0 && options.top_p <= 1, options.top_p);
  CHECK(options.min_p >= 0 && options.min_p <= 1, options.min_p);
  CHECK(options.repetition_penalty > 0, options.repetition_penalty);
}

struct Scratch {
  std::vector<float> logits, weights;
  std::vector<int32_t> seen;
  std::vector<Candidate> candidates;
};

Scratch& scratch() {
  thread_local Scratch scratch;
  return scratch;
}

// The logits to choose by: penalised (each id once), then divided by the temperature.
std::span<const float> shaped(std::span<const float> logits, const SamplingOptions& options,
                              std::span<const int32_t> seen_ids) {
  auto& z = scratch().logits;
  z.assign(logits.begin(), logits.end());
  if (options.repetition_penalty != 1) {
    auto& seen = scratch().seen;
    seen.assign(seen_ids.begin(), seen_ids.end());
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (int32_t id : seen) {
      CHECK(id >= 0 && id < static_cast<int64_t>(z.size()), id, z.size());
      z[id] = z[id] > 0 ? z[id] / options.repetition_penalty : z[id] * options.repetition_penalty;
    }
  }
  if (options.temperature > 0)
    for_vectors(0, static_cast<int64_t>(z.size()), [&](int64_t i, auto lanes) {
      store(&z[i], div(load(&z[i], lanes), set1(options.temperature)), lanes);
    });
  return z;
}

// exp(z - max), and their sum, in double over blocks of 16.
double make_weights(std::span<const float> z) {
  const float max = *std::max_element(z.begin(), z.end());
  CHECK(std::isfinite(max), max);
  auto& weights = scratch().weights;
  weights.resize(z.size());
  double sum = 0;
  for_vectors(0, static_cast<int64_t>(z.size()), [&](int64_t i, auto lanes) {
    const Vec e = keep(exp(sub(load(&z[i], lanes), set1(max))), lanes);
    store(&weights[i], e, lanes);
    sum += reduce_add(e);
  });
  CHECK(sum >= 1 && std::isfinite(sum), sum);  // a NaN among the logits ends here
  return sum;
}

// The last of ids [0, end) that has any weight: where rounding leaves a goal unreached.
int32_t last_with_weight(const std::vector<float>& weights, int64_t end) {
  while (end > 1 && weights[end - 1] == 0) --end;
  return static_cast<int32_t>(end - 1);
}

// Walks the ids by blocks of 16 until the sum passes `share` of the total.
int32_t choose_by_id(const std::vector<float>& weights, double total, double share) {
  const auto size = static_cast<int64_t>(weights.size());
  const double goal = share * total;
  double sum = 0;
  for (int64_t begin = 0; begin < size; begin += kLanes) {
    const int64_t end = std::min<int64_t>(begin + kLanes, size);
    const double block = reduce_add(load(&weights[begin], first_lanes(end - begin)));
    if (sum + block <= goal) {
      sum += block;
      continue;
    }
    for (int64_t id = begin; id < end; ++id)
      if ((sum += weights[id]) > goal) return static_cast<int32_t>(id);
    return last_with_weight(weights, end);
  }
  return last_with_weight(weights, size);
}

// Candidates [0, sorted) are in order; extends that to `count`.
void sort_up_to(std::vector<Candidate>& candidates, size_t sorted, size_t count) {
  const auto begin = candidates.begin() + sorted, end = candidates.begin() + count;
  if (count < candidates.size()) std::nth_element(begin, end, candidates.end(), likelier);
  std::sort(begin, end, likelier);
}

// Keeps the smallest set of likeliest candidates whose weights reach top_p of their sum. They are
// sorted from the top, as far as needed.
void keep_top_p(std::vector<Candidate>& candidates, size_t sorted, double total, float top_p) {
  const double goal = total * top_p;
  double sum = 0;
  for (size_t kept = 0; kept < candidates.size();) {
    if (kept == sorted) {
      sorted = std::min(candidates.size(), sorted == 0 ? 64 : sorted * 8);
      sort_up_to(candidates, kept, sorted);
    }
    sum += candidates[kept++].weight;
    if (sum >= goal) return candidates.resize(kept);
  }
}

int32_t choose(const std::vector<Candidate>& candidates, double share) {
  double total = 0, sum = 0;
  for (const auto& candidate : candidates) total += candidate.weight;
  for (const auto& candidate : candidates) {
    sum += candidate.weight;
    if (sum > share * total) return candidate.id;
  }
  return candidates.back().id;
}

int32_t choose_filtered(std::span<const float> z, double total, const SamplingOptions& options,
                        double share) {
  auto& candidates = scratch().candidates;
  candidates.resize(z.size());
  for (size_t id = 0; id < z.size(); ++id)
    candidates[id] = {z[id], scratch().weights[id], static_cast<int32_t>(id)};
  size_t sorted = 0;
  if (const auto top_k = static_cast<size_t>(options.top_k); top_k > 0 && top_k < z.size()) {
    sort_up_to(candidates, 0, top_k);
    candidates.resize(top_k);
    sorted = top_k;
    total = 0;
    for (const auto& candidate : candidates) total += candidate.weight;
  }
  if (options.top_p < 1) keep_top_p(candidates, sorted, total, options.top_p);
  if (options.min_p > 0)  // the likeliest weighs 1
    std::erase_if(candidates, [&](const Candidate& c) { return c.weight < options.min_p; });
  std::erase_if(candidates, [](const Candidate& c) { return c.weight == 0; });
  return choose(candidates, share);
}

}  // namespace

int32_t sample(std::span<const float> logits, const SamplingOptions& options,
               std::span<const int32_t> seen_ids, const RandomAddress& address) {
  check(logits, options);
  const auto z = shaped(logits, options, seen_ids);
  const double total = make_weights(z);
  if (options.temperature == 0)
    return static_cast<int32_t>(std::max_element(z.begin(), z.end()) - z.begin());
  const double share = uniform(address);
  const bool filters = options.top_k > 0 || options.top_p < 1 || options.min_p > 0;
  return filters ? choose_filtered(z, total, options, share)
                 : choose_by_id(scratch().weights, total, share);
}

}  // namespace troupe
