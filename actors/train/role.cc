#include "actors/train/role.h"

#include <algorithm>

namespace troupe {

// Metrics add up in the order of micro-batches, whoever ran them.
BatchResult combine(std::vector<BatchResult> parts) {
  BatchResult all;
  const auto by_index = [](const auto& a, const auto& b) { return a.index < b.index; };
  for (auto& part : parts) {
    for (auto& output : part.outputs) all.outputs.push_back(std::move(output));
    for (auto& loss : part.losses) all.losses.push_back(std::move(loss));
    for (const auto& [name, value] : part.maxima) {
      auto [at, is_new] = all.maxima.try_emplace(name, value);
      if (!is_new) at->second = std::max(at->second, value);
    }
    all.gradient_squares.merge(part.gradient_squares);
    all.busy_ns += part.busy_ns;
  }
  std::ranges::sort(all.outputs, by_index);
  std::ranges::sort(all.losses, by_index);
  for (const auto& loss : all.losses)
    for (const auto& [name, value] : loss.sums) all.sums[name] += value;
  return all;
}

double gradient_norm(const BatchResult& result) {
  double sum = 0;
  for (const auto& [name, squares] : result.gradient_squares) sum += squares;
  return std::sqrt(sum);
}

float clip_scale(double norm, double limit) {
  if (limit == 0 || norm <= limit) return 1;
  return static_cast<float>(limit / (norm + 1e-6));
}

}  // namespace troupe
