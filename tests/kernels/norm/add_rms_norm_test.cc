#include "kernels/norm/add_rms_norm.h"

#include <gtest/gtest.h>

#include "kernels/elementwise/add.h"
#include "kernels/norm/rms_norm.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

const Attributes kAttributes = {.epsilon = 1e-3f};

class AddRmsNormTest : public testing::TestWithParam<DType> {
 protected:
  struct Case {
    Values x, y, weight, z;
  };
  Case make(int64_t tokens, int64_t hidden) const {
    return {random_values({tokens, hidden}, GetParam(), 1, 2),
            random_values({tokens, hidden}, GetParam(), 2), random_values({hidden}, DType::f32, 3),
            random_values({tokens, hidden}, GetParam(), 4)};
  }
};

// Odd widths have masked tails; 0 and 1 rows and columns are borders; 300 x 576 wakes threads.
const std::pair<int64_t, int64_t> kSizes[] = {{0, 8},   {1, 1},     {1, 17},   {5, 64},
                                              {13, 99}, {200, 333}, {300, 576}};

TEST_P(AddRmsNormTest, HasTheBitsOfTheAdditionAndTheNormOneAfterTheOther) {
  ThreadPool pool(3);
  for (auto [tokens, hidden] : kSizes) {
    const auto [x, branch, weight, unused] = make(tokens, hidden);
    const auto sum = run_op(add_op, {x, branch}, {}, {})[0];
    const auto normed = run_op(rms_norm, {sum, weight}, kAttributes, {})[0];
    const KernelContext contexts[] = {{}, {.pool = &pool}};
    for (const auto& context : contexts) {
      const auto both = run_op(add_rms_norm, {x, branch, weight}, kAttributes, context);
      EXPECT_EQ(both[0].bytes, sum.bytes) << tokens << " x " << hidden;
      EXPECT_EQ(both[1].bytes, normed.bytes) << tokens << " x " << hidden;
    }
  }
}

TEST_P(AddRmsNormTest, ItsGradientHasTheBitsOfTheNormsGradientAndTheAdditionOneAfterTheOther) {
  ThreadPool pool(3);
  for (auto [tokens, hidden] : kSizes) {
    const auto [x, dy, weight, other] = make(tokens, hidden);
    const auto dx = run_op(rms_norm_gradient, {x, weight, dy}, kAttributes, {})[0];
    const auto sum = run_op(add_op, {other, dx}, {}, {})[0];
    const KernelContext contexts[] = {{}, {.pool = &pool}};
    for (const auto& context : contexts)
      EXPECT_EQ(
          run_op(add_rms_norm_gradient, {x, weight, dy, other}, kAttributes, context)[0].bytes,
          sum.bytes)
          << tokens << " x " << hidden;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, AddRmsNormTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
