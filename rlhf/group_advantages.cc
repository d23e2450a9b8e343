#include "rlhf/group_advantages.h"

#include <cmath>
#include <map>
#include <string>

#include "base/error.h"

namespace troupe {
namespace {

struct Group {
  double sum = 0, squares = 0;
  int64_t count = 0;
  double mean() const { return sum / static_cast<double>(count); }
  double deviation() const { return std::sqrt(squares / static_cast<double>(count - 1)); }
};

double epsilon_of(Compat compat) {
  switch (compat) {
    case Compat::verl:
      return 1e-6;
    case Compat::openrlhf:
      return 1e-9;
    case Compat::trl:
      return 1e-4;
  }
  throw Error("unknown compat profile");
}

double advantage(GroupAdvantage kind, double score, const Group& group, Compat compat) {
  if (group.count == 1) return compat == Compat::verl ? score : 0;
  const double difference = score - group.mean();
  const auto count = static_cast<double>(group.count);
  switch (kind) {
    case GroupAdvantage::grpo:
      return difference / (group.deviation() + epsilon_of(compat));
    case GroupAdvantage::dr_grpo:
      return difference;
    case GroupAdvantage::rloo:
      return difference * count / (count - 1);
  }
  throw Error("unknown kind of group advantage");
}

}  // namespace

GroupAdvantage group_advantage_from_name(std::string_view name) {
  if (name == "grpo") return GroupAdvantage::grpo;
  if (name == "dr_grpo") return GroupAdvantage::dr_grpo;
  if (name == "rloo") return GroupAdvantage::rloo;
  throw Error("unknown group advantage \"" + std::string(name) +
              "\"; known are grpo, dr_grpo, rloo");
}

std::vector<double> group_advantages(GroupAdvantage kind, std::span<const double> scores,
                                     std::span<const int64_t> groups, Compat compat) {
  CHECK(scores.size() == groups.size(), scores.size(), groups.size());
  std::map<int64_t, Group> by_prompt;
  for (size_t i = 0; i < scores.size(); ++i) {
    auto& group = by_prompt[groups[i]];
    group.sum += scores[i], ++group.count;
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    auto& group = by_prompt[groups[i]];
    group.squares += (scores[i] - group.mean()) * (scores[i] - group.mean());
  }
  std::vector<double> advantages;
  for (size_t i = 0; i < scores.size(); ++i) {
    advantages.push_back(advantage(kind, scores[i], by_prompt[groups[i]], compat));
  }
  return advantages;
}

}  // namespace troupe
