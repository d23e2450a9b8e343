#include "graph/generation/generator.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "graph/training/stage_model.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

GenerationRequest request(int64_t tag, int prompt_length, int64_t max_new_tokens) {
  GenerationRequest r;
  r.tag = tag;
  r.key = {tag, 0};
  r.prompt_ids = some_ids(prompt_length, static_cast<int>(tag));
  r.seed = 3;
  r.max_new_tokens = max_new_tokens;
  r.end_ids = {5};
  return r;
}

std::map<int64_t, GenerationResult> run(Generator& generator) {
  std::map<int64_t, GenerationResult> results;
  while (!generator.is_idle())
    for (auto& result : generator.step()) results[result.tag] = std::move(result);
  return results;
}

std::map<int64_t, GenerationResult> responses_of(GeneratorOptions options, int num_threads,
                                                 const std::vector<GenerationRequest>& requests) {
  ThreadPool pool(num_threads);
  const auto config = tiny_llama_config();
  Generator generator(config, options, pool);
  generator.parameters().read(lively_weights(config), pool);
  for (const auto& r : requests) generator.submit(r);
  return run(generator);
}

std::vector<GenerationRequest> mixed_requests() {
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 9; ++i) requests.push_back(request(i, 1 + i * 11 % 90, 3 + i * 9 % 70));
  return requests;
}

void expect_same(const std::map<int64_t, GenerationResult>& a,
                 const std::map<int64_t, GenerationResult>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [tag, result] : a) {
    EXPECT_EQ(result.response_ids, b.at(tag).response_ids) << tag;
    EXPECT_EQ(result.log_probs, b.at(tag).log_probs) << tag;
    EXPECT_EQ(result.truncated, b.at(tag).truncated) << tag;
  }
}

TEST(GeneratorTest, ASequenceGetsTheSameInAnyCompanyChunkAndThreadCount) {
  const auto together = responses_of({}, 1, mixed_requests());
  expect_same(responses_of({.max_running_sequences = 1}, 1, mixed_requests()), together);
  expect_same(
      responses_of({.max_running_sequences = 3, .max_tokens_per_step = 7}, 2, mixed_requests()),
      together);
}

TEST(GeneratorTest, KeepsTheLogProbsThatTheTrainerComputes) {
  for (DType dtype : {DType::f32, DType::bf16}) {
    ThreadPool pool(1);
    const auto config = tiny_llama_config();
    const auto results = responses_of({.dtype = dtype}, 1, mixed_requests());
    StageOptions options;
    options.model.dtype = dtype;
    StageModel model(config, options, pool);
    model.load(lively_weights(config));
    auto pack = std::make_shared<Pack>();
    auto targets = std::make_shared<std::vector<int32_t>>();
    std::vector<float> kept;
    std::vector<size_t> rows;
    for (const auto& r : mixed_requests()) {
      const auto& result = results.at(r.tag);
      auto ids = r.prompt_ids;
      ids.insert(ids.end(), result.response_ids.begin(), result.response_ids.end());
      for (size_t i = 0; i < result.log_probs.size(); ++i) {
        rows.push_back(pack->token_ids.size() + r.prompt_ids.size() - 1 + i);
        kept.push_back(result.log_probs[i]);
      }
      pack->append(ids);
      targets->insert(targets->end(), ids.begin() + 1, ids.end());
      targets->push_back(-1);
    }
    model.forward(0, pack, nullptr, targets);
    std::vector<float> trained;
    for (size_t row : rows) trained.push_back(model.output(0, "log_prob").as<float>()[row]);
    EXPECT_EQ(kept, trained) << name_of(dtype);
  }
}

TEST(GeneratorTest, DroppedCachesAreReadAgainWithoutAChange) {
  ThreadPool pool(1);
  const auto config = tiny_llama_config();
  Generator generator(config, {}, pool);
  generator.parameters().read(lively_weights(config), pool);
  for (const auto& r : mixed_requests()) generator.submit(r);
  std::map<int64_t, GenerationResult> results;
  for (int i = 0; !generator.is_idle(); ++i) {
    if (i % 5 == 3) generator.drop_caches();
    for (auto& result : generator.step()) results[result.tag] = std::move(result);
  }
  expect_same(results, responses_of({}, 1, mixed_requests()));
}

TEST(GeneratorTest, EndsAtTheEndTokenOrTheLimit) {
  for (const auto& [tag, result] : responses_of({}, 1, mixed_requests())) {
    EXPECT_EQ(result.truncated, result.response_ids.back() != 5) << tag;
    for (size_t i = 0; i + 1 < result.response_ids.size(); ++i)
      EXPECT_NE(result.response_ids[i], 5);
  }
}

TEST(GeneratorTest, RefusesWhatDoesNotFitOrIsNoToken) {
  ThreadPool pool(1);
  Generator generator(tiny_llama_config(), {}, pool);
  EXPECT_THROW(generator.submit(request(0, 200, 57)), Error);
  EXPECT_THROW(generator.submit(request(0, 0, 5)), Error);
  auto bad = request(0, 3, 5);
  bad.prompt_ids[1] = 40;
  EXPECT_THROW(generator.submit(bad), Error);
}

}  // namespace
}  // namespace troupe
