// The same f32 bits from AVX2 and AVX-512 builds: hashes of what kernels make of fixed inputs.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "kernels/elementwise/rope.h"
#include "kernels/elementwise/rope_frequencies.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/optimizer/adamw.h"
#include "kernels/optimizer/gradient_norm.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

// From exact arithmetic alone: a normal distribution would ask libm.
Values fixed_values(Shape shape, uint32_t seed) {
  Values values(std::move(shape), DType::f32);
  std::mt19937 engine(seed);
  for (int64_t i = 0; i < num_elements(values.shape); ++i)
    values.set(i, static_cast<float>(static_cast<int32_t>(engine())) * 0x1p-29f);
  return values;
}

uint64_t hash_of(const Values& values) {
  return xxh3(values.bytes);
}

std::vector<uint64_t> hashes_of(const OpDef& op, const std::vector<Values>& inputs,
                                const Attributes& attributes, const KernelContext& context) {
  EagerGradients eager(op, inputs, attributes, context);
  std::vector<uint64_t> hashes = {hash_of(eager.outputs()[0])};
  for (const auto& gradient : eager.backward(op, {fixed_values(eager.outputs()[0].shape, 9)}))
    hashes.push_back(hash_of(gradient));
  return hashes;
}

using Hashes = std::vector<uint64_t>;

TEST(InstructionSetsTest, AgreeOnNormsAndActivations) {
  const std::vector<Values> norm = {fixed_values({21, 333}, 1), fixed_values({333}, 2)};
  EXPECT_EQ(hashes_of(rms_norm, norm, {.epsilon = 1e-5f}, {}),
            (Hashes{7218451756855848169u, 2444643131029192625u, 3114919540611885193u}));
  const std::vector<Values> gated = {fixed_values({21, 333}, 3), fixed_values({21, 333}, 4)};
  EXPECT_EQ(hashes_of(swiglu, gated, {}, {}),
            (Hashes{790949748032332958u, 17638077595470942358u, 15622848007831371675u}));
}

TEST(InstructionSetsTest, AgreeOnRope) {
  Pack pack;
  pack.append(std::vector<int32_t>(300, 0));
  const Attributes attributes = {.num_attention_heads = 2,
                                 .head_dim = 40,
                                 .inverse_frequencies = std::make_shared<const std::vector<float>>(
                                     default_rope_frequencies(40, 10000))};
  EXPECT_EQ(hashes_of(rope, {fixed_values({300, 80}, 5)}, attributes, {.pack = &pack}),
            (Hashes{11638221197490972142u, 17895117266110860136u}));
}

TEST(InstructionSetsTest, AgreeOnTheSoftmaxAndTheOptimizer) {
  const Values logits = fixed_values({49152}, 6);
  const auto row = log_softmax_statistics(logits.as<float>(), 49152, 0.9f);
  Values three({3}, DType::f32);
  three.set(0, row.max), three.set(1, row.log_sum_exp), three.set(2, row.entropy);
  EXPECT_EQ(hash_of(three), 3424809083089456387u);

  ThreadPool pool(1);
  const Values gradient = fixed_values({1001}, 7);
  std::vector<float> weights(1001, 0.5f), moment1(1001), moment2(1001);
  for (int64_t step = 1; step <= 3; ++step)
    adamw({weights, {gradient.as<float>(), 1001}, moment1, moment2}, {}, step, 0.3f, 0, 1001);
  EXPECT_EQ(xxh3(std::as_bytes(std::span(weights))), 676296573282643721u);
  const double squares =
      sum_of_cells(squares_by_cell(gradient.as<float>(), 7, 143, {}, 0, 7, pool));
  EXPECT_EQ(xxh3(std::as_bytes(std::span(&squares, 1))), 10169368487787778080u);
}

}  // namespace
}  // namespace troupe
