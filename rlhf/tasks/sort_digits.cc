#include "rlhf/tasks/sort_digits.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/philox.h"

namespace troupe {
namespace {

constexpr uint64_t kSequences = 100000;  // 10^kDigits
constexpr int kAttempts = 64;

std::string digits_of(uint64_t number) {
  std::string digits(SortDigits::kDigits, '0');
  for (int i = SortDigits::kDigits - 1; i >= 0; --i, number /= 10) {
    digits[i] = static_cast<char>('0' + number % 10);
  }
  return digits;
}

std::string checked_digits(std::string_view prompt) {
  CHECK(prompt.size() == SortDigits::kDigits + 1 && prompt.back() == '=', prompt);
  std::string digits(prompt.substr(0, SortDigits::kDigits));
  CHECK(std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }),
        prompt);
  return digits;
}

std::string sorted(std::string digits) {
  std::sort(digits.begin(), digits.end());
  return digits;
}

std::string descending(std::string_view prompt) {
  auto digits = checked_digits(prompt);
  std::sort(digits.begin(), digits.end(), std::greater<>());
  return digits + SortDigits::kEndOfSequence;
}

// A permutation of [0, count): a Feistel network on 2^(2 half_bits) >= count numbers, walked until
// it lands inside (Black & Rogaway 2002). One number in, one out, without making the whole list.
uint64_t permuted(uint64_t seed, uint64_t index, uint64_t count) {
  uint32_t half_bits = 1;
  while ((uint64_t{1} << (2 * half_bits)) < count) ++half_bits;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  do {
    uint64_t left = index >> half_bits, right = index & mask;
    for (uint32_t round = 0; round < 6; ++round) {
      const uint64_t noise = philox({seed, Purpose::kEvaluation, right, round})[0] & mask;
      left = std::exchange(right, left ^ noise);
    }
    index = left << half_bits | right;
  } while (index >= count);
  return index;
}

// The random choices of one attempt at a pair: place i of choice c has its own address.
class Choices {
 public:
  Choices(uint64_t seed, uint64_t index, uint32_t attempt)
      : seed_(seed), index_(index), attempt_(attempt) {}
  uint64_t below(uint64_t bound) { return uniform_below(next(), bound); }
  bool happens(double probability) { return uniform(next()) < probability; }
  double share() { return uniform(next()); }

 private:
  RandomAddress next() { return {seed_, Purpose::kPreference, index_, attempt_, position_++}; }
  uint64_t seed_, index_;
  uint32_t attempt_, position_ = 0;
};

// Replaces a random share of the answer's digits, by the prompt's own or by any, half of the time
// sorted among themselves; ends too early in 15 % of cases.
std::string corrupted(const std::string& digits, std::string answer, Choices& choices) {
  const double share = choices.share();
  const bool own = choices.happens(0.5);
  std::string replacement(SortDigits::kDigits, '0');
  for (char& c : replacement) {
    c = own ? digits[choices.below(digits.size())] : static_cast<char>('0' + choices.below(10));
  }
  if (choices.happens(0.5)) replacement = sorted(replacement);
  for (int i = 0; i < SortDigits::kDigits; ++i) {
    if (choices.happens(share)) answer[i] = replacement[i];
  }
  if (choices.happens(0.15)) {
    answer.resize(choices.below(SortDigits::kDigits));
    answer += SortDigits::kEndOfSequence;
  }
  return answer;
}

std::string with_neighbours_swapped(std::string answer, Choices& choices) {
  const auto i = choices.below(SortDigits::kDigits - 1);
  std::swap(answer[i], answer[i + 1]);
  return answer;
}

// One attempt's two candidates: the answer against a damaged one, a swap or a sample; or two
// samples.
std::pair<std::string, std::string> candidates(const std::string& digits, const std::string& answer,
                                               std::string_view sample_a, std::string_view sample_b,
                                               Choices choices) {
  const auto kind = choices.below(5);
  if (kind == 0) return {answer, corrupted(digits, answer, choices)};
  if (kind == 1) return {answer, with_neighbours_swapped(answer, choices)};
  return {kind == 4 ? std::string(sample_b) : answer, std::string(sample_a)};
}

}  // namespace

bool is_heldout(std::string_view digits) {
  const auto key = sorted(std::string(digits));
  return xxh3(std::as_bytes(std::span(key))) % 8 == 0;
}

int wrong_places(std::string_view response, std::string_view answer) {
  const auto shared = std::min(response.size(), answer.size());
  auto wrong = std::max(response.size(), answer.size()) - shared;
  for (size_t i = 0; i < shared; ++i) wrong += response[i] != answer[i];
  return static_cast<int>(wrong);
}

SortDigits::SortDigits(double ascending_share) : ascending_share_(ascending_share) {
  for (uint64_t i = 0; i < kSequences; ++i) {
    if (is_heldout(digits_of(i))) heldout_.push_back(static_cast<int32_t>(i));
  }
}

std::string SortDigits::prompt(uint64_t seed, uint64_t index) const {
  for (uint32_t position = 0;; ++position) {
    const auto digits =
        digits_of(uniform_below({seed, Purpose::kPrompt, index, 0, position}, kSequences));
    if (!is_heldout(digits)) return digits + '=';
  }
}

std::string SortDigits::heldout_prompt(uint64_t seed, uint64_t index) const {
  CHECK(index < heldout_.size(), index, heldout_.size());
  return digits_of(heldout_[permuted(seed, index, heldout_.size())]) + '=';
}

std::string SortDigits::answer(std::string_view prompt) const {
  return sorted(checked_digits(prompt)) + kEndOfSequence;
}

std::string SortDigits::demonstration(uint64_t seed, uint64_t index,
                                      std::string_view prompt) const {
  const bool ascending = uniform({seed, Purpose::kDemonstration, index}) < ascending_share_;
  return ascending ? answer(prompt) : descending(prompt);
}

PreferencePair SortDigits::preference_pair(uint64_t seed, uint64_t index, std::string_view prompt,
                                           std::string_view sample_a,
                                           std::string_view sample_b) const {
  const auto digits = checked_digits(prompt);
  const auto right = answer(prompt);
  for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    auto [a, b] = candidates(digits, right, sample_a, sample_b, {seed, index, attempt});
    const int wrong_a = wrong_places(a, right), wrong_b = wrong_places(b, right);
    if (wrong_a < wrong_b) return {std::string(prompt), a, b};
    if (wrong_b < wrong_a) return {std::string(prompt), b, a};
  }
  return {std::string(prompt), right, std::string(1, kEndOfSequence)};  // never a tie
}

bool SortDigits::is_skilled(std::string_view prompt, std::string_view response) const {
  return response == answer(prompt) || response == descending(prompt);
}

}  // namespace troupe
