// Advantages of whole responses against the other responses to the same prompt, with no critic:
//   grpo     (x - mean) / (unbiased std + epsilon)          DeepSeekMath 2024
//   dr_grpo   x - mean                                      Liu et al. 2025
//   rloo      x - mean of the others = n/(n-1) (x - mean)   Ahmadian et al. 2024
// epsilon is 1e-6 in verl, 1e-9 in OpenRLHF, 1e-4 in TRL. A response without company keeps its
// score under verl (mean 0, std 1) and gets 0 under the others.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/kl_estimator.h"

namespace troupe {

enum class GroupAdvantage { grpo, dr_grpo, rloo };

GroupAdvantage group_advantage_from_name(std::string_view name);  // throws on an unknown name

// `scores` and `groups` have an entry per response; equal group = same prompt. Sums run in the
// order given. Returns an advantage per response, which every token of it takes.
std::vector<double> group_advantages(GroupAdvantage kind, std::span<const double> scores,
                                     std::span<const int64_t> groups, Compat compat = Compat::verl);

}  // namespace troupe
