#include "rlhf/reinforce.h"

#include "base/error.h"

namespace troupe {

template <class T>
void discounted_returns(double gamma, std::span<const T> rewards, std::span<const T> mask,
                        std::span<T> returns) {
  CHECK(mask.empty() || mask.size() == rewards.size(), mask.size(), rewards.size());
  CHECK(returns.size() == rewards.size(), returns.size(), rewards.size());
  double running = 0;
  for (size_t t = rewards.size(); t-- > 0;) {
    const bool own = mask.empty() || mask[t] != 0;
    if (own) running = rewards[t] + gamma * running;
    returns[t] = own ? static_cast<T>(running) : T{0};
  }
}

template void discounted_returns(double, std::span<const float>, std::span<const float>,
                                 std::span<float>);
template void discounted_returns(double, std::span<const double>, std::span<const double>,
                                 std::span<double>);

}  // namespace troupe
