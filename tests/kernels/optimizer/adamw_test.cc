#include "kernels/optimizer/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

constexpr AdamwOptions kOptions = {
    .learning_rate = 0.01f, .beta1 = 0.8f, .beta2 = 0.95f, .epsilon = 1e-3f, .weight_decay = 0.1f};

struct State {
  std::vector<float> weights, moment1, moment2;

  explicit State(int64_t size) : moment1(size), moment2(size) {
    for (double x : random_values({size}, DType::f32, 1).doubles())
      weights.push_back(static_cast<float>(x));
  }
  void update(std::span<const float> gradient, int64_t step, int64_t begin, int64_t end) {
    adamw({weights, gradient, moment1, moment2}, kOptions, step, 0.5f, begin, end);
  }
  void update(const Values& gradient, int64_t step, int64_t begin, int64_t end) {
    update({gradient.as<float>(), weights.size()}, step, begin, end);
  }
};

Values gradient_of(int64_t size, int64_t step) {
  return random_values({size}, DType::f32, static_cast<uint32_t>(10 + step), 2);
}

TEST(AdamwTest, FollowsThePublishedFormula) {
  const int64_t size = 1001;
  State state(size);
  Doubles w(state.weights.begin(), state.weights.end()), m(size), v(size);
  for (int64_t step = 1; step <= 6; ++step) {
    const Values gradient = gradient_of(size, step);
    state.update(gradient, step, 0, size);
    for (int64_t i = 0; i < size; ++i) {
      const double g = 0.5 * gradient.at(i);
      w[i] -= 0.01 * 0.1 * w[i];
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      const double m_hat = m[i] / (1 - std::pow(0.8, step)),
                   v_hat = v[i] / (1 - std::pow(0.95, step));
      w[i] -= 0.01 * m_hat / (std::sqrt(v_hat) + 1e-3);
      ASSERT_NEAR(state.weights[i], w[i], 2e-6) << step;
      ASSERT_NEAR(state.moment1[i], m[i], 2e-6) << step;
      ASSERT_NEAR(state.moment2[i], v[i], 1e-5) << step;
    }
  }
}

// Which is why a tied weight's untouched rows may keep the head's -0.0 (graph/gradients.h).
TEST(AdamwTest, CannotTellANegativeZeroFromAPositiveOne) {
  const int64_t size = 19;
  State negative(size), positive(size);
  for (int64_t step = 1; step <= 4; ++step) {
    const Values some = gradient_of(size, step);
    for (State* state : {&negative, &positive}) {
      std::vector<float> gradient(size, state == &negative ? -0.0f : 0.0f);
      if (step == 3) gradient.assign(some.as<float>(), some.as<float>() + size);
      state->update(gradient, step, 0, size);
    }
    for (auto member : {&State::weights, &State::moment1, &State::moment2})
      ASSERT_EQ(
          std::memcmp((negative.*member).data(), (positive.*member).data(), size * sizeof(float)),
          0)
          << step;
  }
}

TEST(AdamwTest, HasTheSameBitsInPieces) {
  const int64_t size = 100003;
  State whole(size), pieces(size);
  for (int64_t step = 1; step <= 3; ++step) {
    const Values gradient = gradient_of(size, step);
    whole.update(gradient, step, 0, size);
    for (auto [begin, end] : {std::pair<int64_t, int64_t>{60001, size}, {0, 7}, {7, 60001}})
      pieces.update(gradient, step, begin, end);
  }
  EXPECT_EQ(whole.weights, pieces.weights);
  EXPECT_EQ(whole.moment1, pieces.moment1);
  EXPECT_EQ(whole.moment2, pieces.moment2);
}

TEST(AdamwTest, RefusesStepZeroUnequalLengthsAndElementsBeyondTheEnd) {
  std::vector<float> four(4), five(5);
  EXPECT_THROW(adamw({four, four, four, four}, kOptions, 0, 1, 0, 4), Error);
  EXPECT_THROW(adamw({four, five, four, four}, kOptions, 1, 1, 0, 4), Error);
  EXPECT_THROW(adamw({four, four, four, four}, kOptions, 1, 1, 0, 5), Error);
}

}  // namespace
}  // namespace troupe
