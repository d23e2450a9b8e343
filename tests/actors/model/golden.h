// Golden numbers of tests/golden/, and a model with which to meet them.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/model/loaded_model.h"
#include "devices/cpu/thread_pool.h"
#include "graph/generation/generator.h"
#include "graph/training/scoring.h"
#include "storage/file.h"

namespace troupe {

inline std::string golden_path(const std::string& name) {
  return std::string(TROUPE_SOURCE_DIR) + "/tests/golden/" + name;
}

inline std::unique_ptr<StageModel> stage_of(const LoadedModel& model, Head head,
                                            Trainable trainable, ThreadPool& pool,
                                            DType dtype = DType::f32) {
  StageOptions options;
  options.model = {.dtype = dtype, .head = head};
  options.trainable = trainable;
  auto stage = std::make_unique<StageModel>(model.config, options, pool);
  stage->load(model.weight_reader());
  return stage;
}

// The likeliest continuation of each prompt, all generated together.
inline std::vector<std::vector<int32_t>> greedy(const LoadedModel& model,
                                                const std::vector<std::vector<int32_t>>& prompts,
                                                int64_t num_tokens, ThreadPool& pool) {
  Generator generator(
      model.config,
      {.max_running_sequences = std::ssize(prompts),
       .max_sequence_length = std::min<int64_t>(256, model.config.max_position_embeddings)},
      pool);
  generator.parameters().read(model.weight_reader(), pool);
  for (const auto& ids : prompts) {
    GenerationRequest request = {.tag = generator.num_waiting(), .prompt_ids = ids};
    request.sampling.temperature = 0;
    request.max_new_tokens = num_tokens;
    generator.submit(request);
  }
  std::vector<std::vector<int32_t>> responses(prompts.size());
  while (!generator.is_idle())
    for (auto& result : generator.step())
      responses.at(static_cast<size_t>(result.tag)) = std::move(result.response_ids);
  return responses;
}

inline double global_norm(const std::map<std::string, double>& squares) {
  double sum = 0;
  for (const auto& [name, value] : squares) sum += value;
  return std::sqrt(sum);
}

inline double relative_difference(double found, double expected) {
  return std::abs(found - expected) / std::max(std::abs(expected), 1e-12);
}

}  // namespace troupe
