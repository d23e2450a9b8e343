#include "graph/training/stage_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/flash_mask_patterns.h"
#include "base/repeated_rows.h"
#include "devices/cpu/thread_pool.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

std::shared_ptr<Pack> pack_of(const std::vector<std::vector<int32_t>>& sequences) {
  auto pack = std::make_shared<Pack>();
  for (const auto& ids : sequences) pack->append(ids);
  return pack;
}

// Each token's target is the next one; a sequence's last token has none.
std::shared_ptr<std::vector<int32_t>> targets_of(const Pack& pack) {
  auto targets =
      std::make_shared<std::vector<int32_t>>(pack.token_ids.begin() + 1, pack.token_ids.end());
  targets->push_back(-1);
  for (int64_t i = 1; i <= pack.num_sequences(); ++i) (*targets)[pack.sequence_starts[i] - 1] = -1;
  return targets;
}

std::shared_ptr<const std::byte> share(const Tensor& tensor) {
  const size_t bytes = static_cast<size_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
  auto copy = std::shared_ptr<std::byte[]>(new std::byte[bytes]);
  std::memcpy(copy.get(), tensor.data, bytes);
  return {copy, copy.get()};
}

// The sum of log-probs.
void sum_of_log_probs(const TokenLossArgs& args) {
  std::ranges::fill(args.d_log_prob, 1.0f);
}

// A pipeline of stages in one thread, trained on the sum of log-probs.
class Pipeline {
 public:
  Pipeline(int num_stages, Head head, ThreadPool& pool, DType dtype = DType::f32,
           Recompute recompute = Recompute::none, LossReach loss_reach = LossReach::token)
      : config_(tiny_llama_config()) {
    for (int stage = 0; stage < num_stages; ++stage) {
      StageOptions options;
      options.model.head = head;
      options.model.dtype = dtype;
      options.stage = stage;
      options.num_stages = num_stages;
      options.trainable = Trainable::yes;
      options.recompute = recompute;
      options.loss_reach = loss_reach;
      stages_.push_back(std::make_unique<StageModel>(config_, options, pool));
      stages_.back()->load(lively_weights(config_));
    }
  }

  std::vector<float> forward(const std::shared_ptr<Pack>& pack) {
    std::shared_ptr<const std::byte> hidden;
    for (auto& stage : stages_) {
      stage->forward(0, pack, hidden, targets_of(*pack));
      if (!stage->is_last()) hidden = share(stage->output(0, "hidden"));
    }
    const Tensor& out = stages_.back()->output(0, "log_prob");
    return {out.as<float>(), out.as<float>() + pack->num_tokens()};
  }

  void backward(const Pack& pack) {
    std::vector<float> ones(pack.token_ids.size(), 1.0f), zeros(pack.token_ids.size(), 0.0f);
    std::map<std::string, const void*> gradients = {{"log_prob", ones.data()},
                                                    {"entropy", zeros.data()}};
    std::shared_ptr<const std::byte> hidden;
    for (size_t i = stages_.size(); i-- > 0;) {
      stages_[i]->asks_for_loss() ? stages_[i]->backward(0, sum_of_log_probs)
                                  : stages_[i]->backward(0, gradients);
      if (i > 0) hidden = share(stages_[i]->hidden_gradient(0));
      gradients = {{"hidden", hidden.get()}};
      stages_[i]->finish(0);
    }
    for (auto& stage : stages_) {
      stage->gradients().finish();
    }
    exchange_shared();
  }

  void exchange_shared() {
    auto shared = stages_.front()->shared_weight();
    if (!shared) return;
    auto first = stages_.front()->gradients().sum(*shared);
    auto last = stages_.back()->gradients().sum(*shared);
    const std::vector<float> copy(first.begin(), first.end());
    stages_.front()->gradients().add(*shared, last);
    stages_.back()->gradients().add(*shared, copy);
  }

  std::map<std::string, std::vector<float>> gradients() {
    std::map<std::string, std::vector<float>> all;
    for (auto& stage : stages_)
      for (const auto& name : stage->gradients().weight_names()) {
        auto sum = stage->gradients().sum(name);
        all[name].assign(sum.begin(), sum.end());
      }
    return all;
  }

  std::vector<std::unique_ptr<StageModel>>& stages() { return stages_; }

 private:
  LlamaConfig config_;
  std::vector<std::unique_ptr<StageModel>> stages_;
};

double sum(const std::vector<float>& values) {
  double total = 0;
  for (float value : values) total += value;
  return total;
}

TEST(StageModelTest, RecomputingChangesNoBitOfAnyGradient) {
  ThreadPool pool(2);
  const auto pack = pack_of({some_ids(19, 1), some_ids(1, 2), some_ids(33, 3)});
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const int num_stages : {1, 2}) {
      Pipeline kept(num_stages, Head::log_prob, pool, dtype);
      const auto log_probs = kept.forward(pack);
      kept.backward(*pack);
      for (const auto recompute : {Recompute::attention, Recompute::layer}) {
        Pipeline recomputed(num_stages, Head::log_prob, pool, dtype, recompute);
        EXPECT_EQ(log_probs, recomputed.forward(pack));
        recomputed.backward(*pack);
        EXPECT_EQ(kept.gradients(), recomputed.gradients())
            << num_stages << name_of(dtype) << name_of(recompute);
      }
    }
  }
}

TEST(StageModelTest, ALossThatIsAskedForTokenByTokenGivesTheBitsOfOneThatIsGiven) {
  ThreadPool pool(2);
  const auto pack = pack_of({some_ids(19, 1), some_ids(1, 2), some_ids(33, 3)});
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Pipeline given(2, Head::log_prob, pool, dtype, Recompute::none, LossReach::pack);
    Pipeline asked(2, Head::log_prob, pool, dtype, Recompute::none, LossReach::token);
    EXPECT_FALSE(given.stages()[1]->asks_for_loss());
    ASSERT_TRUE(asked.stages()[1]->asks_for_loss());
    EXPECT_EQ(given.forward(pack), asked.forward(pack));
    given.backward(*pack);
    asked.backward(*pack);
    EXPECT_EQ(given.gradients(), asked.gradients()) << name_of(dtype);
  }
}

// A mask that hides nothing more makes every row be computed.
TEST(StageModelTest, SequencesThatBeginAlikeHaveTheBitsOfRowsThatAreAllComputed) {
  ThreadPool pool(2);
  std::vector<std::vector<int32_t>> samples(4, some_ids(40, 1));
  auto masked = std::make_shared<Pack>();
  for (size_t i = 0; i < samples.size(); ++i) {
    for (const int32_t id : some_ids(9 + 20 * i, 5 + i)) samples[i].push_back(id);
    masked->append(samples[i], causal_mask(std::ssize(samples[i])));
  }
  const auto plain = pack_of(samples);
  ASSERT_FALSE(find_repeated_rows(*plain).empty());
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const auto recompute : {Recompute::none, Recompute::layer}) {
      Pipeline all(2, Head::log_prob, pool, dtype, recompute);
      Pipeline distinct(2, Head::log_prob, pool, dtype, recompute);
      EXPECT_EQ(distinct.forward(plain), all.forward(masked)) << name_of(dtype);
      all.backward(*masked);
      distinct.backward(*plain);
      EXPECT_EQ(distinct.gradients(), all.gradients()) << name_of(dtype) << name_of(recompute);
    }
  }
}

TEST(StageModelTest, GradientsAgreeWithDifferencesOfTheLoss) {
  ThreadPool pool(1);
  Pipeline pipeline(1, Head::log_prob, pool);
  auto pack = pack_of({some_ids(9, 1), some_ids(5, 2)});
  pipeline.forward(pack);
  pipeline.backward(*pack);
  auto gradients = pipeline.gradients();
  auto& parameters = pipeline.stages()[0]->parameters();
  for (const auto& name :
       {"model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.v_proj.weight",
        "model.layers.2.self_attn.o_proj.weight", "model.layers.0.mlp.gate_proj.weight",
        "model.layers.1.mlp.down_proj.weight", "model.layers.2.input_layernorm.weight",
        "model.norm.weight"}) {
    auto& parameter = parameters.at(name);
    const std::vector<float> before(parameter.values().begin(), parameter.values().end());
    const auto& gradient = gradients[name];
    // Along the gradient itself, where the slope is its squared norm.
    double squares = 0;
    for (float g : gradient) squares += double(g) * g;
    ASSERT_GT(squares, 0) << name;
    const double step = 2e-3 / std::sqrt(squares);
    std::array<double, 2> losses;
    for (int side = 0; side < 2; ++side) {
      auto moved = before;
      for (size_t i = 0; i < moved.size(); ++i)
        moved[i] += static_cast<float>((side ? step : -step) * gradient[i]);
      parameters.set(name, moved, pool);
      losses[side] = sum(pipeline.forward(pack));
      pipeline.stages()[0]->finish(0);
    }
    parameters.set(name, before, pool);
    EXPECT_NEAR((losses[1] - losses[0]) / (2 * step) / squares, 1, 0.02) << name;
  }
}

TEST(StageModelTest, CutIntoStagesGivesTheSameBits) {
  ThreadPool pool(1);
  auto pack = pack_of({some_ids(9, 1), some_ids(5, 2), some_ids(70, 3)});
  Pipeline whole(1, Head::log_prob, pool);
  const auto log_prob = whole.forward(pack);
  whole.backward(*pack);
  const auto gradients = whole.gradients();
  for (int num_stages : {2, 3}) {
    Pipeline cut(num_stages, Head::log_prob, pool);
    EXPECT_EQ(cut.forward(pack), log_prob) << num_stages;
    cut.backward(*pack);
    EXPECT_EQ(cut.gradients(), gradients) << num_stages;
  }
}

// As stages do that run forwards ahead: a group may end between a pack's forward and its backward.
TEST(StageModelTest, RunningForwardsAheadGivesTheSameGradients) {
  ThreadPool pool(1);
  const auto gradients_with = [&](int num_ahead) {
    Pipeline pipeline(1, Head::log_prob, pool);
    auto& stage = *pipeline.stages()[0];
    for (int i = 0; i < 4 + num_ahead; ++i) {
      if (i < 4) {
        const auto pack = pack_of({some_ids(9, i)});
        stage.forward(i, pack, nullptr, targets_of(*pack), Forward::whole, i);
      }
      if (i < num_ahead) continue;
      stage.backward(i - num_ahead, sum_of_log_probs);
      stage.finish(i - num_ahead);
    }
    stage.gradients().finish();
    return pipeline.gradients();
  };
  const auto together = gradients_with(0);
  EXPECT_EQ(gradients_with(1), together);
  EXPECT_EQ(gradients_with(3), together);
}

TEST(StageModelTest, ABatchsGradientsKeepNothingOfTheBatchBefore) {
  ThreadPool pool(2);
  const auto before = pack_of({some_ids(40, 4), some_ids(7, 5)}), pack = pack_of({some_ids(19, 1)});
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Pipeline fresh(1, Head::log_prob, pool, dtype), used(1, Head::log_prob, pool, dtype);
    used.forward(before);
    used.backward(*before);
    used.stages()[0]->gradients().clear();
    for (Pipeline* pipeline : {&fresh, &used}) {
      pipeline->forward(pack);
      pipeline->backward(*pack);
    }
    EXPECT_EQ(used.gradients(), fresh.gradients()) << name_of(dtype);
  }
}

TEST(StageModelTest, ThreadsDoNotChangeBits) {
  auto pack = pack_of({some_ids(9, 1), some_ids(150, 2), some_ids(70, 3)});
  ThreadPool one(1), three(3);
  Pipeline a(1, Head::log_prob, one), b(1, Head::log_prob, three);
  EXPECT_EQ(a.forward(pack), b.forward(pack));
  a.backward(*pack);
  b.backward(*pack);
  EXPECT_EQ(a.gradients(), b.gradients());
}

TEST(StageModelTest, TrainingInBf16FollowsF32) {
  ThreadPool pool(1);
  auto pack = pack_of({some_ids(9, 1), some_ids(30, 2)});
  Pipeline exact(1, Head::log_prob, pool), rounded(1, Head::log_prob, pool, DType::bf16);
  const auto a = exact.forward(pack), b = rounded.forward(pack);
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = std::max(difference, std::abs(double(a[i]) - b[i]));
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 0.5);
  exact.backward(*pack);
  rounded.backward(*pack);
  const auto ga = exact.gradients(), gb = rounded.gradients();
  for (const auto& [name, gradient] : ga) {
    double dot = 0, na = 0, nb = 0;
    for (size_t i = 0; i < gradient.size(); ++i) {
      dot += double(gradient[i]) * gb.at(name)[i];
      na += double(gradient[i]) * gradient[i];
      nb += double(gb.at(name)[i]) * gb.at(name)[i];
    }
    EXPECT_GT(dot / std::sqrt(na * nb), 0.97) << name;
  }
}

}  // namespace
}  // namespace troupe
