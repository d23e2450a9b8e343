// SmolLM2-135M-Instruct against golden numbers of PyTorch, an independent f64 forward, llama.cpp
// and HF's tokenizers. The model is fetched where it isn't in models/; skipped where it cannot be
// had.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>

#include "tests/actors/model/golden.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace troupe {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

class RealModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string root = TROUPE_SOURCE_DIR;
    const std::string file = root + "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
    const std::string fetch = root + "/tools/fetch_model.sh smollm2-135m-instruct";
    if (!std::filesystem::exists(file) && std::system(fetch.c_str()) != 0) return;
    model_ = load_model(file);
  }
  static void TearDownTestSuite() { model_.reset(); }

  void SetUp() override {
    if (!model_) GTEST_SKIP() << "SmolLM2-135M-Instruct is not in models/ and cannot be fetched";
  }

  static std::unique_ptr<StageModel> trainable(ThreadPool& pool) {
    return stage_of(*model_, Head::log_prob, Trainable::yes, pool);
  }

  // Five steps of AdamW as torch takes them; `batch_of` says on which of the batches.
  void expect_curve(const std::string& name, WeightDecay decay,
                    const std::function<int(int step)>& batch_of);

  // How far a weight has moved from where it was loaded.
  static double change_norm(StageModel& stage, const std::string& weight);

  static std::optional<LoadedModel> model_;
  ThreadPool pool_{2};
};

std::optional<LoadedModel> RealModelTest::model_;

LabelledPack pack_of(const json& batch) {
  LabelledPack pack;
  const Ids ids = batch["ids"], positions = batch["positions"];
  for (size_t begin = 0, end; begin < ids.size(); begin = end) {
    for (end = begin + 1; end < ids.size() && positions[end] > 0;) ++end;
    pack.pack.append(std::span(ids).subspan(begin, end - begin));
  }
  for (int32_t label : batch["labels"]) pack.targets.push_back(std::max(label, -1));
  return pack;
}

std::vector<LabelledPack> training_packs() {
  std::vector<LabelledPack> packs;
  const auto golden = read_json_file(golden_path("smollm2_train.json"));
  for (const auto& batch : golden["batches"]) packs.push_back(pack_of(batch));
  return packs;
}

TEST_F(RealModelTest, LogProbsAreThoseOfAnF64Forward) {
  const auto prompts = read_json_file(golden_path("smollm2_logits.json"))["prompts"];
  const auto stage = stage_of(*model_, Head::log_prob, Trainable::no, pool_);
  std::vector<Ids> rows;
  for (const auto& prompt : prompts) rows.push_back(prompt["ids"]);
  const auto found = next_log_probs(*stage, rows);
  size_t row = 0;
  for (const auto& [name, prompt] : prompts.items()) {
    const std::vector<double> expected = prompt["next_logprob_f64"];
    ASSERT_EQ(found[row].size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(found[row][i], expected[i], 2e-4) << name << " " << i;
    ++row;
  }
}

TEST_F(RealModelTest, ContinuesGreedilyAsPytorchDoes) {
  const auto prompts = read_json_file(golden_path("smollm2_logits.json"))["prompts"];
  std::vector<Ids> rows, expected;
  for (const auto& prompt : prompts) {
    rows.push_back(prompt["ids"]);
    const auto& golden = prompt["greedy"];
    expected.push_back(golden.is_object() ? golden["ids"] : golden);
  }
  EXPECT_EQ(greedy(*model_, rows, 32, pool_), expected);
}

TEST_F(RealModelTest, GradientsAreThoseOfPytorch) {
  const auto golden = read_json_file(golden_path("smollm2_train.json"))["gradient_batch0"];
  const auto stage = trainable(pool_);
  const auto packs = training_packs();
  const double loss = mean_cross_entropy_with_gradients(*stage, std::span(packs).first(1));
  EXPECT_LE(relative_difference(loss, golden["loss_f64"]), 5e-5);
  const auto squares = stage->gradient_squares();
  EXPECT_LE(relative_difference(global_norm(squares), golden["global_grad_norm_f64"]), 1e-3);
  ASSERT_EQ(squares.size(), golden["all_grad_norms"].size());
  for (const auto& [name, expected] : golden["all_grad_norms"].items())
    EXPECT_LE(relative_difference(std::sqrt(squares.at(name)), expected), 1e-3) << name;
}

double RealModelTest::change_norm(StageModel& stage, const std::string& weight) {
  const auto before = model_->source->read_f32(weight);
  const auto after = stage.parameters().at(weight).values();
  double sum = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double change = double(after[i]) - before[i];
    sum += change * change;
  }
  return std::sqrt(sum);
}

void RealModelTest::expect_curve(const std::string& name, WeightDecay decay,
                                 const std::function<int(int step)>& batch_of) {
  const auto golden = read_json_file(golden_path("smollm2_train.json"))["curves"][name];
  const auto packs = training_packs();
  const AdamwOptions options = {1e-4f, 0.9f, 0.95f, 1e-8f, 0.1f};
  const auto stage = trainable(pool_);
  for (int step = 0; step < 5; ++step) {
    const double loss =
        mean_cross_entropy_with_gradients(*stage, std::span(packs).subspan(batch_of(step), 1));
    const double norm = global_norm(stage->gradient_squares());
    EXPECT_LE(relative_difference(loss, golden["loss_before_step_f64"][step]), 5e-5) << step;
    EXPECT_LE(relative_difference(norm, golden["grad_norm_before_clip_f64"][step]), 1e-3) << step;
    const double clip = golden["clip_grad_norm"].is_null() ? 1 : std::min(1.0, 1.0 / (norm + 1e-6));
    stage->apply_adamw(options, step + 1, static_cast<float>(clip), decay);
  }
  for (size_t i = 0; i < packs.size(); ++i)  // PyTorch's own f32 is off by this much here
    EXPECT_LE(relative_difference(mean_cross_entropy(*stage, std::span(packs).subspan(i, 1)),
                                  golden["loss_of_each_batch_after_5_steps"][i]),
              1e-4)
        << i;
  for (const auto& [weight, after] : golden["params_after"].items())
    EXPECT_LE(relative_difference(change_norm(*stage, weight), after["change_norm"]), 1e-3)
        << weight;
}

TEST_F(RealModelTest, FiveStepsOnFiveBatchesGoAsInPytorch) {
  expect_curve("adamw_distinct", WeightDecay::matrices, [](int step) { return step; });
}

TEST_F(RealModelTest, FiveClippedStepsThatDecayEveryWeightGoAsInPytorch) {
  expect_curve("adamw_same_clip_wd_all", WeightDecay::all, [](int) { return 0; });
}

TEST_F(RealModelTest, TokenIdsAreThoseOfOtherTokenizers) {
  const auto golden = read_json_file(golden_path("smollm2_tokenizer.json"));
  const Tokenizer tokenizer(model_->source->tokenizer().value());
  ASSERT_EQ(golden["encode"].size(), 150u);
  for (const auto& string : golden["encode"]) {
    const std::string text = string["text"];
    const Ids ids = string["ids"];
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids), text);
    const Ids as_text = string.value("ids_specials_as_text", ids);
    EXPECT_EQ(tokenizer.encode(text, false), as_text) << text;
  }
}

TEST_F(RealModelTest, ConversationsRenderAsInTransformers) {
  const auto golden = read_json_file(golden_path("smollm2_chat_template.json"));
  const auto spec = model_->source->tokenizer().value();
  EXPECT_EQ(spec.chat_template, golden["template"].get<std::string>());
  for (const auto& conversation : golden["cases"])
    EXPECT_EQ(render_chat(spec.chat_template, conversation["messages"],
                          conversation["add_generation_prompt"]),
              conversation["text"].get<std::string>());
}

}  // namespace
}  // namespace troupe
