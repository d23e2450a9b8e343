// Reading prompts and continuing them, as a rollout engine does.
#include <algorithm>

#include "benchmarks/model/work.h"
#include "benchmarks/timing.h"
#include "graph/generation/generator.h"

namespace troupe {
namespace {

std::shared_ptr<Generator> make_generator(const WorkContext& context, int64_t sequences,
                                          int64_t length) {
  GeneratorOptions options;
  options.dtype = context.dtype;
  options.weights = context.weights;
  options.max_running_sequences = sequences;
  options.max_tokens_per_step = std::max<int64_t>(2048, sequences * kDecodePrompt);
  options.max_sequence_length = length;
  auto generator = std::make_shared<Generator>(context.model.config, options, context.pool);
  context.model.read_into(generator->parameters(), context.weights, context.pool);
  return generator;
}

GenerationRequest greedy_request(std::vector<int32_t> prompt, int64_t max_new_tokens) {
  GenerationRequest request;
  request.prompt_ids = std::move(prompt);
  request.sampling.temperature = 0;
  request.max_new_tokens = max_new_tokens;
  return request;
}

}  // namespace

Work prefill_work(const WorkContext& context, int64_t prompt_tokens) {
  auto generator = make_generator(context, 1, prompt_tokens + 1);
  const auto prompt = token_row(prompt_tokens, 0, context.model.config.vocab_size);
  return [generator, prompt] {
    generator->submit(greedy_request(prompt, 1));
    return Round{time_of([&] {
                   while (!generator->is_idle()) generator->step();
                 }),
                 std::ssize(prompt)};
  };
}

Work decode_work(const WorkContext& context, int64_t sequences, int64_t tokens) {
  auto generator = make_generator(context, sequences, kDecodePrompt + tokens + 1);
  const int64_t vocab_size = context.model.config.vocab_size;
  return [generator, sequences, tokens, vocab_size] {
    for (int64_t i = 0; i < sequences; ++i)
      generator->submit(greedy_request(token_row(kDecodePrompt, i, vocab_size), tokens + 1));
    generator->step();  // reads the prompts and chooses each sequence's first token
    return Round{time_of([&] {
                   while (!generator->is_idle()) generator->step();
                 }),
                 sequences * tokens};
  };
}

}  // namespace troupe
