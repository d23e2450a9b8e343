#include "graph/generation/generator.h"

#include <gtest/gtest.h>

#include <random>

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

// Other log-probs than the trainer's, but the same whatever runs beside, is shared, or is read
// when.
TEST(GeneratorTest, ACacheInInt8RoundsTheSameInAnySteps) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const GeneratorOptions rounded = {.dtype = dtype, .cache_format = KeyValueFormat::int8};
    const auto together = responses_of(rounded, 1, mixed_requests());
    auto one_by_one = rounded;
    one_by_one.max_running_sequences = 1;
    one_by_one.share_prefixes = false;
    expect_same(responses_of(one_by_one, 1, mixed_requests()), together);
    auto in_chunks = rounded;
    in_chunks.max_tokens_per_step = 7;
    expect_same(responses_of(in_chunks, 2, mixed_requests()), together);
    size_t different = 0;
    for (const auto& [tag, exact] : responses_of({.dtype = dtype}, 1, mixed_requests()))
      different += exact.log_probs != together.at(tag).log_probs;
    EXPECT_GT(different, 0u);
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

// Prompts of a few families that begin alike, some equal.
std::vector<GenerationRequest> related_requests(std::mt19937& engine) {
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 12; ++i) {
    auto r = request(i, 1, 1 + engine() % 60);
    r.prompt_ids = some_ids(1 + engine() % 3 * 64 + engine() % 20, static_cast<int>(engine() % 2));
    if (engine() % 2) r.prompt_ids.push_back(static_cast<int32_t>(engine() % 40));
    if (engine() % 3 == 0) r.sampling = {.temperature = 0.8f, .top_p = 0.9f};
    requests.push_back(r);
  }
  return requests;
}

TEST(GeneratorTest, ASequenceGetsTheSameWhateverArrivesWhenAndShares) {
  std::mt19937 engine(11);
  for (int round = 0; round < 12; ++round) {
    const auto requests = related_requests(engine);
    const DType dtype = round % 2 ? DType::bf16 : DType::f32;
    const auto alone = responses_of(
        {.dtype = dtype, .max_running_sequences = 1, .share_prefixes = false}, 1, requests);
    ThreadPool pool(1 + static_cast<int>(engine() % 3));
    GeneratorOptions options = {.dtype = dtype};
    options.max_running_sequences = 1 + engine() % 12;
    options.max_tokens_per_step = 1 + engine() % 200;
    options.num_cache_blocks = 5 + static_cast<int32_t>(engine() % 20);
    options.share_prefixes = engine() % 4 != 0;
    Generator generator(tiny_llama_config(), options, pool);
    generator.parameters().read(lively_weights(tiny_llama_config()), pool);
    std::map<int64_t, GenerationResult> results;
    for (size_t next = 0; next < requests.size() || !generator.is_idle();) {
      while (next < requests.size() && engine() % 3 != 0) generator.submit(requests[next++]);
      if (engine() % 20 == 0) generator.drop_caches();
      for (auto& result : generator.step()) results[result.tag] = std::move(result);
    }
    expect_same(results, alone);
    EXPECT_EQ(generator.cache_use(), 0);
  }
}

TEST(GeneratorTest, SamplesOfOnePromptReadItOnceAndShareItsBlocks) {
  std::vector<GenerationRequest> samples;
  for (int i = 0; i < 6; ++i) {
    samples.push_back(request(i, 1, 20));
    samples.back().prompt_ids = some_ids(150, 1);
    samples.back().end_ids.clear();
  }
  for (const bool share : {false, true}) {
    ThreadPool pool(1);
    Generator generator(
        tiny_llama_config(),
        {.max_tokens_per_step = 1000, .num_cache_blocks = 36, .share_prefixes = share}, pool);
    generator.parameters().read(lively_weights(tiny_llama_config()), pool);
    for (const auto& r : samples) generator.submit(r);
    generator.step();
    EXPECT_NEAR(generator.cache_use() * 36, share ? 3 : 6 * 3, 1e-9);  // 150 positions
    generator.step();
    EXPECT_NEAR(generator.cache_use() * 36, share ? 2 + 6 : 6 * 3, 1e-9);
    EXPECT_EQ(generator.new_tokens().size(), 6u);
  }
}

TEST(GeneratorTest, QuantizedWeightsGiveASequenceTheSameInAnyCompany) {
  const GeneratorOptions options = {.weights = WeightFormat::int8};
  const auto together = responses_of(options, 2, mixed_requests());
  expect_same(responses_of({.weights = WeightFormat::int8, .max_running_sequences = 1}, 1,
                           mixed_requests()),
              together);
  const auto exact = responses_of({}, 1, mixed_requests());
  for (const auto& [tag, result] : together) {  // the first log-prob, where both chose alike
    if (result.response_ids[0] != exact.at(tag).response_ids[0]) continue;
    EXPECT_NEAR(result.log_probs[0], exact.at(tag).log_probs[0], 0.3) << tag;
  }
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
