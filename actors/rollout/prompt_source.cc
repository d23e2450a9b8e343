#include "actors/rollout/prompt_source.h"

#include <algorithm>

#include "actors/request.h"
#include "base/error.h"
#include "base/philox.h"
#include "text/chat_template.h"

namespace troupe {
namespace {

// Each use counts its prompts in a range of its own, so that they never meet.
constexpr int64_t kRange = int64_t{1} << 40;

}  // namespace

std::string PromptSourceState::prompt_text(PromptUse use, int64_t index) const {
  if (use == PromptUse::evaluation) return config.task->heldout_prompt(config.seed, index);
  return config.task->prompt(config.seed,
                             use == PromptUse::preference_pool ? 2 * kRange + index : index);
}

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& chat_template,
                                   const std::string& text) {
  if (chat_template.empty()) return tokenizer.encode(text);
  return tokenizer.encode(
      render_chat(chat_template, {{{"role", "user"}, {"content", text}}}, true));
}

std::vector<int32_t> PromptSourceState::encode_prompt(const std::string& text) const {
  auto ids = troupe::encode_prompt(*config.tokenizer, config.chat_template, text);
  if (static_cast<int64_t>(ids.size()) > config.max_prompt_length)
    throw Error("the prompt \"" + text.substr(0, 60) + "\" has " + std::to_string(ids.size()) +
                " tokens; task.max_prompt_length is " + std::to_string(config.max_prompt_length));
  return ids;
}

Generate PromptSourceState::work_for(const HandOut& hand_out, int64_t engine,
                                     int64_t num_engines) const {
  Generate work = {hand_out.use, hand_out.step, hand_out.sampling, {}, hand_out.receiver};
  for (int64_t i = engine; i < hand_out.num_prompts; i += num_engines) {
    const int64_t prompt_id = hand_out.first_prompt + i;
    const auto text = prompt_text(hand_out.use, prompt_id);
    const auto ids = encode_prompt(text);
    const auto answer = config.task->has_answers() ? config.task->answer(text) : "";
    for (int32_t sample = 0; sample < hand_out.samples_per_prompt; ++sample)
      work.prompts.push_back({{prompt_id, sample}, ids, answer});
  }
  return work;
}

Example PromptSourceState::example(const std::string& prompt, const std::string& response) const {
  return {encode_prompt(prompt), config.tokenizer->encode(response)};
}

Examples PromptSourceState::demonstrations(const TakeDemonstrations& take) const {
  Examples examples;
  for (int64_t i = take.first; i < take.first + take.count; ++i) {
    const auto index = static_cast<uint64_t>(kRange + i);
    const auto prompt = config.task->prompt(config.seed, index);
    examples.examples.push_back(
        example(prompt, config.task->demonstration(config.seed, index, prompt)));
  }
  return examples;
}

void PromptSourceState::keep_samples(const Trajectories& samples) {
  for (const auto& sample : samples.trajectories)
    samples_[sample.key.prompt_id][sample.key.sample_index] =
        config.tokenizer->decode(sample.response_ids);
}

void PromptSourceState::start_collecting(int64_t count,
                                         caf::typed_response_promise<Trajectories> done,
                                         std::function<void()> on_complete) {
  CHECK(!collecting_, count);
  collecting_ = Collecting{count, {}, std::move(done), std::move(on_complete)};
}

void PromptSourceState::collect(const Trajectories& batch) {
  CHECK(collecting_.has_value(), batch.step, batch.trajectories.size());
  auto& all = collecting_->all;
  all.use = batch.use;
  all.step = batch.step;
  all.trajectories.insert(all.trajectories.end(), batch.trajectories.begin(),
                          batch.trajectories.end());
  collecting_->missing -= static_cast<int64_t>(batch.trajectories.size());
  if (collecting_->missing > 0) return;
  std::sort(all.trajectories.begin(), all.trajectories.end(),
            [](const Trajectory& a, const Trajectory& b) { return a.key < b.key; });
  auto done = std::move(collecting_->done);
  auto reply = std::move(all);
  if (collecting_->on_complete) collecting_->on_complete();
  collecting_.reset();
  done.deliver(std::move(reply));
}

Examples PromptSourceState::preference_pairs(const TakePreferencePairs& take) const {
  CHECK(!samples_.empty(), take.first);
  Examples examples;
  for (int64_t i = take.first; i < take.first + take.count; ++i) {
    const auto index = static_cast<uint64_t>(i);
    const auto which = uniform_below({config.seed, Purpose::kPreference, index}, samples_.size());
    const auto& [prompt_id, own] = *std::next(samples_.begin(), static_cast<int64_t>(which));
    const auto prompt = prompt_text(PromptUse::preference_pool, prompt_id);
    const auto pair = config.task->preference_pair(config.seed, index, prompt, own.begin()->second,
                                                   own.rbegin()->second);
    examples.examples.push_back(example(prompt, pair.chosen));
    examples.examples.push_back(example(prompt, pair.rejected));
  }
  return examples;
}

PromptSource::behavior_type prompt_source(Traced<PromptSource, PromptSourceState>* self,
                                          PromptSourceConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  const auto hand_out = [self, &state](const HandOut& order) {
    const auto num_engines = static_cast<int64_t>(state.engines.size());
    CHECK(num_engines > 0, num_engines);
    for (int64_t engine = 0; engine < num_engines; ++engine)
      tell(self, state.engines[engine], state.work_for(order, engine, num_engines));
  };
  return {
      [&state](const Peers& peers) {
        state.engines.clear();
        for (const auto& address : state.config.engines)
          state.engines.push_back(peers.find(address));
      },
      [&state](const Trajectories& batch) { state.collect(batch); },
      [&state](const KeepSamples& keep) { state.keep_samples(keep.samples); },
      [hand_out](const HandOut& order) {
        return answer([&] {
          hand_out(order);
          return HandedOut{order.num_prompts * order.samples_per_prompt};
        });
      },
      [self, &state, hand_out](const Collect& collect) -> caf::result<Trajectories> {
        auto done = self->make_response_promise<Trajectories>();
        auto own = collect.hand_out;
        own.receiver = caf::actor_cast<caf::strong_actor_ptr>(self);
        const int64_t count = own.num_prompts * own.samples_per_prompt;
        state.start_collecting(count, done,
                               [self, wait = self->probe().waits_for(
                                          "rollout", std::to_string(count) + " responses")] {
                                 self->probe().got(wait);
                               });
        hand_out(own);
        return done;
      },
      [&state](const TakeDemonstrations& take) {
        return answer([&] { return state.demonstrations(take); });
      },
      [&state](const TakePreferencePairs& take) {
        return answer([&] { return state.preference_pairs(take); });
      },
  };
}

}  // namespace troupe
