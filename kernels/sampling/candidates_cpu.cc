#include <algorithm>
#include <bit>
#include <vector>

#include "kernels/loops.h"
#include "kernels/sampling/candidates.h"

namespace troupe {
namespace {

struct Candidate {
  float logit, weight;
  int32_t id;
};

// Long rows are summed by blocks, and these in double.
constexpr int64_t kBlock = 1024;

struct Above {
  int64_t count = 0;
  double sum = 0;
};

float block_sum(std::span<const float> weights, int64_t begin) {
  const int64_t end = std::min<int64_t>(begin + kBlock, std::ssize(weights));
  Vec sum = zero();
  for_vectors(begin, end, [&](int64_t i, auto lanes) { sum = add(sum, load(&weights[i], lanes)); });
  return reduce_add(sum);
}

double sum_of(std::span<const float> weights) {
  double total = 0;
  for (int64_t begin = 0; begin < std::ssize(weights); begin += kBlock)
    total += block_sum(weights, begin);
  return total;
}

// Lanes of [i, i + 16) whose weight is at least `cut`, which is positive.
Mask lanes_above(std::span<const float> weights, int64_t i, float cut) {
  const Mask lanes = first_lanes(std::ssize(weights) - i);
  return static_cast<Mask>(lanes & ~less(load(&weights[i], lanes), set1(cut)));
}

Above above(std::span<const float> weights, float cut) {
  Above found;
  for (int64_t begin = 0; begin < std::ssize(weights); begin += kBlock) {
    const int64_t end = std::min<int64_t>(begin + kBlock, std::ssize(weights));
    Vec sum = zero();
    for (int64_t i = begin; i < end; i += kLanes) {
      const Mask lanes = lanes_above(weights, i, cut);
      found.count += std::popcount(lanes);
      sum = add(sum, load(&weights[i], lanes));
    }
    found.sum += reduce_add(sum);
  }
  return found;
}

// A weight such that the tokens at or above it hold all that will be left, and not many more.
float cut_of(std::span<const float> weights, const SamplingOptions& options, double total) {
  constexpr float kStep = 0x1p-3f, kLeast = 0x1p-30f, kMargin = 1.0001f;
  if (options.top_k == 0 && options.top_p == 1) return options.min_p;
  for (float cut = kStep; cut >= kLeast; cut *= kStep) {
    const Above found = above(weights, cut);
    if (options.top_k > 0 ? found.count >= options.top_k
                          : found.sum >= total * options.top_p * kMargin)
      return cut;
  }
  return 0x1p-149f;  // all that have any weight
}

std::vector<Candidate>& gather(std::span<const float> logits, std::span<const float> weights,
                               float cut) {
  thread_local std::vector<Candidate> candidates;
  candidates.clear();
  for (int64_t i = 0; i < std::ssize(weights); i += kLanes)
    for (unsigned lanes = lanes_above(weights, i, cut); lanes != 0; lanes &= lanes - 1) {
      const int64_t id = i + std::countr_zero(lanes);
      candidates.push_back({logits[id], weights[id], static_cast<int32_t>(id)});
    }
  return candidates;
}

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// Candidates [0, sorted) are in order; extends that to `count`.
void sort_up_to(std::vector<Candidate>& candidates, size_t sorted, size_t count) {
  const auto begin = candidates.begin() + sorted, end = candidates.begin() + count;
  if (count < candidates.size()) std::nth_element(begin, end, candidates.end(), likelier);
  std::sort(begin, end, likelier);
}

// Keeps the smallest set of likeliest candidates whose weights reach top_p of `total`. They are
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

double total_of(const std::vector<Candidate>& candidates) {
  double total = 0;
  for (const auto& candidate : candidates) total += candidate.weight;
  return total;
}

int32_t choose(const std::vector<Candidate>& candidates, double share) {
  const double goal = share * total_of(candidates);
  double sum = 0;
  for (const auto& candidate : candidates)
    if ((sum += candidate.weight) > goal) return candidate.id;
  return candidates.back().id;
}

}  // namespace

int32_t choose_filtered(std::span<const float> logits, std::span<const float> weights,
                        const SamplingOptions& options, double share) {
  double total = sum_of(weights);
  auto& candidates = gather(logits, weights, cut_of(weights, options, total));
  size_t sorted = 0;
  if (const auto top_k = static_cast<size_t>(options.top_k); top_k > 0) {
    sorted = std::min(top_k, candidates.size());
    sort_up_to(candidates, 0, sorted);
    candidates.resize(sorted);
    total = total_of(candidates);
  }
  if (options.top_p < 1) keep_top_p(candidates, sorted, total, options.top_p);
  if (options.min_p > 0)  // the likeliest weighs 1
    std::erase_if(candidates, [&](const Candidate& c) { return c.weight < options.min_p; });
  return choose(candidates, share);
}

// Rounding can leave the goal unreached: then it is the last token that has any weight.
int32_t choose_any(std::span<const float> weights, double share) {
  const double goal = share * sum_of(weights);
  double sum = 0;
  int64_t last = 0;
  for (int64_t begin = 0; begin < std::ssize(weights); begin += kBlock) {
    const double block = block_sum(weights, begin);
    if (sum + block <= goal) {
      sum += block;
      continue;
    }
    const int64_t end = std::min<int64_t>(begin + kBlock, std::ssize(weights));
    for (int64_t id = begin; id < end; ++id) {
      if (weights[id] > 0) last = id;
      if ((sum += weights[id]) > goal) return static_cast<int32_t>(id);
    }
    return static_cast<int32_t>(last);
  }
  for (int64_t id = 0; id < std::ssize(weights); ++id)
    if (weights[id] > 0) last = id;
  return static_cast<int32_t>(last);
}

}  // namespace troupe
