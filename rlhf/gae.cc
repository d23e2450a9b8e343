#include "rlhf/gae.h"

#include "base/error.h"

namespace troupe {

template <class T>
void gae(const GaeConfig& config, std::span<const T> rewards, std::span<const T> values,
         std::span<const T> mask, std::span<T> advantages, std::span<T> returns) {
  const size_t tokens = rewards.size();
  CHECK(values.size() == tokens, values.size(), tokens);
  CHECK(mask.empty() || mask.size() == tokens, mask.size(), tokens);
  CHECK(advantages.size() == tokens && returns.size() == tokens, advantages.size(), returns.size(),
        tokens);
  const bool carries = config.compat == Compat::verl;
  double next_value = 0, running = 0;
  for (size_t t = tokens; t-- > 0;) {
    const bool own = mask.empty() || mask[t] != 0;
    if (own || !carries) {
      const double value = own ? values[t] : 0, reward = own ? rewards[t] : 0;
      running = reward + config.gamma * next_value - value + config.gamma * config.lam * running;
      next_value = value;
    }
    advantages[t] = static_cast<T>(running);
    returns[t] = static_cast<T>(running + (own || carries ? values[t] : 0));
  }
}

template void gae(const GaeConfig&, std::span<const float>, std::span<const float>,
                  std::span<const float>, std::span<float>, std::span<float>);
template void gae(const GaeConfig&, std::span<const double>, std::span<const double>,
                  std::span<const double>, std::span<double>, std::span<double>);

}  // namespace troupe
