// Gradients against the formula differentiated by hand in f64, and the same bits however
// sequences are packed and dealt to threads.
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/kernels/attention/attention_case.h"

namespace troupe {
namespace {

using namespace attention_case;

template <class T>
class AttentionGradientTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(AttentionGradientTest, Types);

TYPED_TEST(AttentionGradientTest, MatchesTheFormulaInDoublePrecision) {
  // bf16 outputs are rounded once; `out`, which the kernel is given, was rounded before.
  const double tolerance = sizeof(TypeParam) == 4 ? 2e-5 : 2e-2;
  for (const Heads& shape : {Heads{4, 2, 8}, Heads{1, 1, 16}, Heads{4, 2, 32}, Heads{9, 3, 64},
                             Heads{5, 1, 80}, Heads{2, 2, 128}, Heads{3, 1, 10}}) {
    for (const int64_t length : {1, 13, 64, 150}) {
      const Rows<TypeParam> rows(shape, length, 5);
      const Pack pack = pack_of({length});
      const auto g = run_gradient(shape, rows, run_attention(shape, rows, pack), pack);
      const Exact exact(shape, rows, length);
      EXPECT_LT(worst_error(g.dq, exact.dq), tolerance) << shape.head_dim << " " << length;
      EXPECT_LT(worst_error(g.dk, exact.dk), tolerance) << shape.head_dim << " " << length;
      EXPECT_LT(worst_error(g.dv, exact.dv), tolerance) << shape.head_dim << " " << length;
    }
  }
}

// 3 x 3 heads of long sequences on 2 and 4 threads, so that some work items are split.
TYPED_TEST(AttentionGradientTest, HasTheSameBitsInAnyPackOnAnyNumberOfThreads) {
  for (const auto& lengths : {std::vector<int64_t>{13, 1, 64, 13, 200, 65, 5}, {300}}) {
    for (const Heads& shape : {Heads{9, 3, 64}, Heads{4, 2, 32}, Heads{3, 1, 10}}) {
      Rows<TypeParam> all;
      std::vector<Gradients<TypeParam>> alone;
      for (size_t i = 0; i < lengths.size(); ++i) {
        const Rows<TypeParam> rows(shape, lengths[i], static_cast<uint32_t>(10 * i));
        const Pack pack = pack_of({lengths[i]});
        all.append(rows, shape, 0, lengths[i]);
        alone.push_back(run_gradient(shape, rows, run_attention(shape, rows, pack), pack));
      }
      const Pack pack = pack_of(lengths);
      const auto output = run_attention(shape, all, pack);
      for (const int num_threads : {1, 2, 3, 4}) {
        ThreadPool pool(num_threads);
        const auto packed = run_gradient(shape, all, output, pack, &pool);
        int64_t row = 0;
        for (size_t i = 0; i < lengths.size(); row += lengths[i++]) {
          EXPECT_TRUE(same_bits(alone[i].dq, packed.dq, row * shape.q_width())) << i;
          EXPECT_TRUE(same_bits(alone[i].dk, packed.dk, row * shape.kv_width())) << i;
          EXPECT_TRUE(same_bits(alone[i].dv, packed.dv, row * shape.kv_width())) << i;
        }
      }
    }
  }
}

TYPED_TEST(AttentionGradientTest, ANaNStaysInItsOwnSequence) {
  const Heads shape = {4, 2, 32};
  Rows<TypeParam> bad(shape, 13, 1), all;
  const Rows<TypeParam> good(shape, 21, 2);
  bad.d_out[5] = bad.k[7] = [] {
    if constexpr (sizeof(TypeParam) == 4)
      return NAN;
    else
      return to_bf16(NAN);
  }();
  all.append(bad, shape, 0, 13);
  all.append(good, shape, 0, 21);
  all.append(bad, shape, 0, 13);
  const Pack pack = pack_of({13, 21, 13}), alone = pack_of({21});
  const auto packed = run_gradient(shape, all, run_attention(shape, all, pack), pack);
  const auto expected = run_gradient(shape, good, run_attention(shape, good, alone), alone);
  EXPECT_TRUE(std::isnan(widen(packed.dk[7])));
  EXPECT_TRUE(same_bits(expected.dq, packed.dq, 13 * shape.q_width()));
  EXPECT_TRUE(same_bits(expected.dk, packed.dk, 13 * shape.kv_width()));
  EXPECT_TRUE(same_bits(expected.dv, packed.dv, 13 * shape.kv_width()));
}

// Records what the rule asks of the graph.
class RecordingBuilder : public GradientBuilder {
 public:
  const Attributes& attributes() const override { return attributes_; }
  explicit RecordingBuilder(int num_inputs) : num_inputs_(num_inputs) {}
  int num_inputs() const override { return num_inputs_; }
  Symbol input(int index) const override { return 10 + index; }
  Symbol output(int index) const override { return 20 + index; }
  Symbol output_gradient(int index) const override { return index == 0 ? 30 : kNoSymbol; }
  bool wants_gradient(int index) const override { return index != 1; }
  std::vector<Symbol> apply(const OpDef& op, std::vector<Symbol> inputs,
                            const Attributes&) override {
    name = op.name;
    applied_to = std::move(inputs);
    return {40, 41, 42};
  }
  void set_input_gradient(int index, Symbol gradient) override {
    set.emplace_back(index, gradient);
  }
  std::vector<Symbol> accumulate_weight_gradient(int index, const OpDef& op,
                                                 std::vector<Symbol> inputs,
                                                 const Attributes&) override {
    accumulated = std::string(op.name) + " " + std::to_string(index);
    accumulated_from = std::move(inputs);
    return {};
  }

  std::string name, accumulated;
  std::vector<Symbol> applied_to, accumulated_from;
  std::vector<std::pair<int, Symbol>> set;

 private:
  int num_inputs_;
  Attributes attributes_;
};

TEST(AttentionGradientRuleTest, PassesTheForwardsOutputsAndSetsTheWantedGradients) {
  RecordingBuilder builder(3);
  attention.gradient(builder);
  EXPECT_EQ(builder.name, "attention_gradient");
  EXPECT_EQ(builder.applied_to, (std::vector<Symbol>{30, 10, 11, 12, 20, 21}));
  EXPECT_EQ(builder.set, (std::vector<std::pair<int, Symbol>>{{0, 40}, {2, 42}}));
}

TEST(AttentionGradientRuleTest, AddsToTheGradientOfSinks) {
  RecordingBuilder builder(4);
  attention.gradient(builder);
  EXPECT_EQ(builder.accumulated, "attention_sink_gradient 3");
  EXPECT_EQ(builder.accumulated_from, (std::vector<Symbol>{30, 20, 21, 13}));
}

TEST(AttentionGradientRuleTest, InfersTheShapesOfQueriesKeysAndValues) {
  const Shape q = {kTokens, 32}, k = {kTokens, 16}, sums = {kTokens, 4};
  const Attributes attributes = Heads{4, 2, 8}.attributes();
  const Shape shapes[] = {q, q, k, k, q, sums};
  EXPECT_EQ(infer_shapes(attention_gradient, attributes, shapes), (std::vector<Shape>{q, k, k}));
  const Shape wrong[] = {q, q, k, k, q, k};
  EXPECT_THROW(infer_shapes(attention_gradient, attributes, wrong), Error);
}

}  // namespace
}  // namespace troupe
