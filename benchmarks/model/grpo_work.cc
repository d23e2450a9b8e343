// A step of GRPO in one process: the same parts in the same order as `troupe rlhf` runs them, with
// no actors between. The reward is a stand-in that costs nothing: the share of even ids.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "benchmarks/model/work.h"
#include "benchmarks/timing.h"
#include "graph/generation/generator.h"
#include "graph/losses/policy_loss.h"
#include "graph/training/scoring.h"
#include "rlhf/group_advantages.h"

namespace troupe {
namespace {

constexpr int64_t kGroup = 8, kMaxPackTokens = 1024;
constexpr float kMaxGradientNorm = 1;

struct Sample {
  std::vector<int32_t> ids;
  std::vector<float> log_probs;  // of the response
  double advantage = 0;
};

class Grpo {
 public:
  Grpo(const WorkContext& context, int64_t responses, int64_t response_tokens)
      : context_(context),
        responses_(responses),
        response_tokens_(response_tokens),
        generator_(context.model.config, generator_options(), context.pool),
        policy_(context.model.config, stage_options(Trainable::yes), context.pool),
        reference_(context.model.config, stage_options(Trainable::no), context.pool) {
    generator_.parameters().read(context.model.weight_reader(), context.pool);
    policy_.load(context.model.weight_reader());
    reference_.load(context.model.weight_reader());
  }

  void step() {
    ++step_;
    auto samples = generate();
    score(samples);
    for (size_t first = 0; first < samples.size();) first += train_pack(samples, first);
    update();
    publish();
  }

 private:
  GeneratorOptions generator_options() const {
    return {.dtype = context_.dtype,
            .max_running_sequences = responses_,
            .max_sequence_length = kGrpoPrompt + response_tokens_};
  }
  StageOptions stage_options(Trainable trainable) const {
    StageOptions options;
    options.model.dtype = context_.dtype;
    options.trainable = trainable;
    return options;
  }

  std::vector<Sample> generate() {
    const auto vocab_size = context_.model.config.vocab_size;
    std::vector<Sample> samples(responses_);
    for (int64_t i = 0; i < responses_; ++i) {
      samples[i].ids = token_row(kGrpoPrompt, i / kGroup, vocab_size);
      GenerationRequest request;
      request.tag = i;
      request.key = {step_ * responses_ + i / kGroup, static_cast<int32_t>(i % kGroup)};
      request.prompt_ids = samples[i].ids;
      request.max_new_tokens = response_tokens_;
      generator_.submit(std::move(request));
    }
    while (!generator_.is_idle())
      for (auto& result : generator_.step()) {
        auto& sample = samples[result.tag];
        sample.ids.insert(sample.ids.end(), result.response_ids.begin(), result.response_ids.end());
        sample.log_probs = std::move(result.log_probs);
      }
    return samples;
  }

  void score(std::vector<Sample>& samples) const {
    std::vector<double> scores;
    std::vector<int64_t> groups;
    for (const auto& sample : samples) {
      scores.push_back(static_cast<double>(std::count_if(sample.ids.begin(), sample.ids.end(),
                                                         [](int32_t id) { return id % 2 == 0; })));
      groups.push_back(std::ssize(groups) / kGroup);
    }
    const auto advantages = group_advantages(GroupAdvantage::grpo, scores, groups);
    for (size_t i = 0; i < samples.size(); ++i) samples[i].advantage = advantages[i];
  }

  // Forward and backward of the samples from `first` on that fit into one pack; returns how many.
  size_t train_pack(const std::vector<Sample>& samples, size_t first) {
    auto pack = std::make_shared<Pack>();
    auto targets = std::make_shared<std::vector<int32_t>>();
    std::vector<float> weight, old_log_prob, advantages;
    size_t last = first;
    for (; last < samples.size(); ++last) {
      const auto& sample = samples[last];
      const auto size = sample.ids.size();
      if (last > first && pack->token_ids.size() + size > kMaxPackTokens) break;
      const size_t start = pack->token_ids.size(), prompt = size - sample.log_probs.size();
      pack->append(sample.ids);
      targets->resize(start + size, -1);  // of a prompt nobody asks for log-probs
      std::copy(sample.ids.begin() + prompt, sample.ids.end(),
                targets->begin() + start + prompt - 1);
      weight.resize(start + size), old_log_prob.resize(start + size);
      advantages.resize(start + size, static_cast<float>(sample.advantage));
      std::fill(weight.begin() + start + prompt - 1, weight.end() - 1, 1.0f);
      std::copy(sample.log_probs.begin(), sample.log_probs.end(),
                old_log_prob.begin() + start + prompt - 1);
    }
    train_pack(pack, targets,
               {.old_log_prob = old_log_prob, .advantages = advantages, .weight = weight});
    return last - first;
  }

  void train_pack(const std::shared_ptr<Pack>& pack,
                  const std::shared_ptr<std::vector<int32_t>>& targets,
                  const PolicyLossInputs<float>& inputs) {
    reference_.forward(0, pack, nullptr, targets);
    const std::span reference(reference_.output(0, "log_prob").as<const float>(), targets->size());
    const auto scale = 1.0f / static_cast<float>(responses_ * response_tokens_);
    policy_.forward(0, pack, nullptr, targets, Forward::to_loss);
    policy_.backward(0, [&](const TokenLossArgs& args) {
      const auto part = [&](auto values) {
        return values.subspan(args.first, args.log_prob.size());
      };
      policy_loss<float>({.kl_loss_coef = 0.04},
                         {.log_prob = args.log_prob,
                          .old_log_prob = part(inputs.old_log_prob),
                          .advantages = part(inputs.advantages),
                          .weight = part(inputs.weight),
                          .entropy = args.entropy,
                          .reference_log_prob = part(reference)},
                         scale, args.d_log_prob, args.d_entropy);
    });
    reference_.finish(0);
    policy_.finish(0);
  }

  void update() {
    policy_.gradients().finish();
    double squares = 0;
    for (const auto& [name, square] : policy_.gradient_squares()) squares += square;
    const auto norm = static_cast<float>(std::sqrt(squares));
    CHECK(std::isfinite(norm), norm);
    policy_.apply_adamw({.learning_rate = 1e-6f}, step_, std::min(1.0f, kMaxGradientNorm / norm));
  }

  void publish() {
    for (const auto& [name, parameter] : policy_.parameters().all())
      generator_.parameters().set(name, parameter.values(), context_.pool);
    generator_.drop_caches();
  }

  WorkContext context_;
  int64_t responses_, response_tokens_, step_ = 0;
  Generator generator_;
  StageModel policy_, reference_;
};

}  // namespace

Work grpo_work(const WorkContext& context, int64_t responses, int64_t response_tokens) {
  auto grpo = std::make_shared<Grpo>(context, responses, response_tokens);
  return [grpo, tokens = responses * response_tokens] {
    return Round{time_of([&] { grpo->step(); }), tokens};
  };
}

}  // namespace troupe
