#include "kernels/sampling/sample.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "kernels/loss/log_softmax.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

std::vector<float> random_logits(int64_t size, uint32_t seed, float scale = 2) {
  std::vector<float> logits;
  for (double x : random_values({size}, DType::f32, seed, scale).doubles())
    logits.push_back(static_cast<float>(x));
  return logits;
}

std::vector<double> softmax(std::vector<float> logits, double temperature) {
  std::vector<double> p;
  for (float x : logits) p.push_back(std::exp(x / temperature));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

// Ids, likeliest first; of equals the lower id.
std::vector<int32_t> by_value(const std::vector<float>& logits) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  return ids;
}

std::map<int32_t, int> draw(const std::vector<float>& logits, const SamplingOptions& options,
                            uint32_t count) {
  std::map<int32_t, int> counts;
  for (uint32_t i = 0; i < count; ++i)
    ++counts[sample(logits, options, {}, {.seed = 7, .prompt_id = 3, .position = i}).id];
  return counts;
}

// Chi-square per degree of freedom: 1 is expected, and 1.5 is 5 standard deviations off at 200.
void expect_distribution(const std::map<int32_t, int>& counts, const std::vector<double>& p,
                         double count) {
  double chi_square = 0;
  int cells = 0;
  for (size_t id = 0; id < p.size(); ++id) {
    const auto found = counts.find(static_cast<int32_t>(id));
    const double seen = found == counts.end() ? 0 : found->second;
    if (p[id] == 0) {
      ASSERT_EQ(seen, 0) << id;
      continue;
    }
    chi_square += (seen - count * p[id]) * (seen - count * p[id]) / (count * p[id]);
    ++cells;
  }
  const double freedom = cells - 1;
  EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom));
}

TEST(SampleTest, FollowsTheSoftmax) {
  const auto logits = random_logits(203, 1, 1);
  for (float temperature : {0.5f, 1.0f, 2.0f})
    expect_distribution(draw(logits, {.temperature = temperature}, 200000),
                        softmax(logits, temperature), 200000);
}

TEST(SampleTest, FollowsTheSoftmaxOfWhatTopKLeaves) {
  const auto logits = random_logits(203, 2, 1);
  auto p = softmax(logits, 1);
  const auto order = by_value(logits);
  double kept = 0;
  for (size_t i = 0; i < order.size(); ++i) i < 10 ? kept += p[order[i]] : p[order[i]] = 0;
  for (double& x : p) x /= kept;
  expect_distribution(draw(logits, {.top_k = 10}, 100000), p, 100000);
}

// Of random rows: the set that can be drawn is the smallest one that reaches top_p.
TEST(SampleTest, TopPLeavesTheSmallestSetThatReachesIt) {
  rc::check([](uint32_t seed) {
    const auto logits = random_logits(120, seed, 2);
    const float top_p = 0.05f + static_cast<float>(seed % 90) / 100;
    const auto p = softmax(logits, 1);
    const auto order = by_value(logits);
    size_t size = 0;
    for (double sum = 0; sum < top_p; ++size) sum += p[order[size]];
    double smallest = 0;
    for (const auto& [id, count] : draw(logits, {.top_p = top_p}, 200)) {
      const auto rank = std::find(order.begin(), order.end(), id) - order.begin();
      RC_ASSERT(rank < static_cast<int64_t>(size));
      smallest = std::max(smallest, static_cast<double>(rank));
    }
    if (size == 1) RC_ASSERT(smallest == 0);
  });
}

TEST(SampleTest, TopPReachesEveryMemberOfItsSet) {
  // 0.4, 0.3, 0.2, 0.1: 0.75 needs three.
  const std::vector<float> logits = {std::log(0.2f), std::log(0.4f), std::log(0.1f),
                                     std::log(0.3f)};
  const auto counts = draw(logits, {.top_p = 0.75f}, 30000);
  expect_distribution(counts, {0.2 / 0.9, 0.4 / 0.9, 0, 0.3 / 0.9}, 30000);
}

TEST(SampleTest, TopPSortsAsFarAsItMustOnAFlatRow) {
  const std::vector<float> logits(5000, 0.25f);  // ties: the lowest ids come first
  int32_t most = 0;
  for (const auto& [id, count] : draw(logits, {.top_p = 0.25f}, 3000)) most = std::max(most, id);
  EXPECT_LT(most, 1250);
  EXPECT_GT(most, 1230);
}

TEST(SampleTest, MinPLeavesTokensNearTheLikeliest) {
  const auto logits = random_logits(203, 3, 1);
  auto p = softmax(logits, 1);
  const double least = 0.2 * *std::max_element(p.begin(), p.end());
  double kept = 0;
  for (double& x : p) x >= least ? kept += x : x = 0;
  for (double& x : p) x /= kept;
  expect_distribution(draw(logits, {.min_p = 0.2f}, 50000), p, 50000);
}

TEST(SampleTest, TopKOfOneIsGreedyWithTheLowestIdOfEquals) {
  std::vector<float> logits(100, -1);
  logits[40] = logits[70] = logits[90] = 3;
  for (const SamplingOptions& options :
       {SamplingOptions{.temperature = 0}, SamplingOptions{.top_k = 1},
        SamplingOptions{.top_p = 1e-6f}}) {
    const auto counts = draw(logits, options, 50);
    EXPECT_EQ(counts.size(), 1u);
    EXPECT_EQ(counts.begin()->first, 40);
  }
}

TEST(SampleTest, RepetitionPenaltyActsOncePerSeenId) {
  const std::vector<float> logits = {2.0f, 1.5f, -1.0f};
  const std::vector<int32_t> seen = {0, 0, 0, 2};
  const SamplingOptions options = {.temperature = 0, .repetition_penalty = 1.2f};
  const auto choice = [](const std::vector<float>& row, const SamplingOptions& o,
                         const std::vector<int32_t>& ids) {
    return sample(row, o, {ids, ids.size()}, {}).id;
  };
  EXPECT_EQ(choice(logits, options, seen), 0);  // 2 / 1.2 is still the largest
  EXPECT_EQ(choice(logits, {.temperature = 0, .repetition_penalty = 1.5f}, seen), 1);
  EXPECT_EQ(choice({-1.0f, -1.1f}, options, {0}), 1);
}

TEST(SampleTest, FrequencyAndPresencePenaltiesCountTheResponseAlone) {
  const std::vector<float> logits = {3.0f, 2.5f, 1.8f};
  const std::vector<int32_t> ids = {1, 0, 0, 0, 2};  // the first two are the prompt
  const auto choice = [&](const SamplingOptions& options, size_t num_prompt) {
    return sample(logits, options, {ids, num_prompt}, {}).id;
  };
  EXPECT_EQ(choice({.temperature = 0, .frequency_penalty = 0.2f}, 2), 0);  // 2.6, 2.5, 1.6
  EXPECT_EQ(choice({.temperature = 0, .frequency_penalty = 0.3f}, 2), 1);  // 2.4
  EXPECT_EQ(choice({.temperature = 0, .frequency_penalty = 2.0f}, 5), 0);
  EXPECT_EQ(choice({.temperature = 0, .presence_penalty = 0.4f}, 2), 0);   // 2.6, 2.5, 1.4
  EXPECT_EQ(choice({.temperature = 0, .presence_penalty = 0.6f}, 2), 1);   // 2.4
  EXPECT_EQ(choice({.temperature = 0, .presence_penalty = -1.3f}, 4), 2);  // 3.0, 2.5, 3.1
}

TEST(SampleTest, KeepsTheLogProbThatNoFilterOrPenaltyShapes) {
  const auto logits = random_logits(3000, 9);
  const std::vector<int32_t> seen = {5, 6, 7};
  for (const SamplingOptions& options :
       {SamplingOptions{.temperature = 0.7f}, SamplingOptions{.temperature = 0},
        SamplingOptions{.temperature = 0.7f, .top_k = 5, .repetition_penalty = 1.5f},
        SamplingOptions{.temperature = 0.7f, .top_p = 0.5f, .frequency_penalty = 2}}) {
    const float temperature = options.temperature > 0 ? options.temperature : 1;
    const auto statistics = log_softmax_statistics(logits.data(), 3000, temperature);
    for (uint32_t i = 0; i < 20; ++i) {
      const auto [id, log_prob] = sample(logits, options, {seen, 1}, {.position = i});
      EXPECT_EQ(log_prob, log_prob_of(logits.data(), id, temperature, statistics));
    }
  }
}

// The same set as sorting everything would leave, on rows as long as a vocabulary.
TEST(SampleTest, FiltersOfALongRowLeaveWhatASortWould) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const auto logits = random_logits(20011, seed, static_cast<float>(1 + seed % 4));
    const auto p = softmax(logits, 1);
    const auto order = by_value(logits);
    for (const auto& [top_k, top_p] : {std::pair{40, 1.0f}, {0, 0.9f}, {1000, 0.5f}, {0, 0.3f}}) {
      const size_t most = top_k > 0 ? static_cast<size_t>(top_k) : order.size();
      double total = 0, sum = 0;
      for (size_t i = 0; i < most; ++i) total += p[order[i]];
      size_t size = 0;
      while (size < most && sum < top_p * total) sum += p[order[size++]];
      for (const auto& [id, count] : draw(logits, {.top_k = top_k, .top_p = top_p}, 300)) {
        const auto rank = std::find(order.begin(), order.end(), id) - order.begin();
        ASSERT_LT(rank, static_cast<int64_t>(size) + (top_p < 1)) << seed;  // p is in doubles
      }
    }
  }
}

TEST(SampleTest, TheSameAddressGivesTheSameToken) {
  const auto logits = random_logits(49152, 4);
  const RandomAddress here = {.seed = 1, .prompt_id = 5, .sample_index = 2, .position = 9};
  const SamplingOptions options = {.temperature = 1.3f, .top_k = 500, .top_p = 0.9f};
  const int32_t token = sample(logits, options, {}, here).id;
  sample(random_logits(300, 5), {.top_p = 0.5f}, {}, here);  // leaves nothing behind
  EXPECT_EQ(sample(logits, options, {}, here).id, token);
  std::map<int32_t, int> tokens;
  for (uint32_t index = 0; index < 20; ++index)
    ++tokens[sample(logits, {}, {}, {.seed = 1, .prompt_id = 5, .sample_index = index}).id];
  EXPECT_GT(tokens.size(), 10u);
}

TEST(SampleTest, NeverDrawsAnImpossibleToken) {
  std::vector<float> logits(1000, -std::numeric_limits<float>::infinity());
  logits[17] = 1, logits[999] = 0;
  for (const SamplingOptions& options : {SamplingOptions{}, SamplingOptions{.top_p = 0.999f}}) {
    const auto counts = draw(logits, options, 500);
    EXPECT_EQ(counts.size(), 2u);
    EXPECT_EQ(counts.count(17) + counts.count(999), 2u);
  }
}

TEST(SampleTest, RefusesWhatCannotBeSampled) {
  const std::vector<float> good = {1, 2}, bad = {1, std::nanf(""), 2}, first = {std::nanf(""), 1};
  const std::vector<float> none(3, -std::numeric_limits<float>::infinity());
  EXPECT_THROW(sample(bad, {}, {}, {}), Error);
  EXPECT_THROW(sample(first, {.temperature = 0}, {}, {}), Error);
  EXPECT_THROW(sample(none, {}, {}, {}), Error);
  EXPECT_THROW(sample({}, {}, {}, {}), Error);
  EXPECT_THROW(sample(good, {.temperature = -1}, {}, {}), Error);
  EXPECT_THROW(sample(good, {.top_p = 0}, {}, {}), Error);
  EXPECT_THROW(sample(good, {.repetition_penalty = 0}, {}, {}), Error);
}

}  // namespace
}  // namespace troupe
