#include "graph/generation/generator.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "graph/cut.h"
#include "graph/fuse.h"
#include "graph/generation/prefix_sharing.h"
#include "kernels/attention/block_lists.h"

namespace troupe {
namespace {

GeneratorOptions with_defaults(GeneratorOptions options, const LlamaConfig& config) {
  if (options.max_sequence_length == 0)
    options.max_sequence_length = config.max_position_embeddings;
  CHECK(options.max_sequence_length <= config.max_position_embeddings, options.max_sequence_length,
        config.max_position_embeddings);
  CHECK(options.max_running_sequences > 0 && options.max_tokens_per_step > 0,
        options.max_running_sequences, options.max_tokens_per_step);
  if (options.num_cache_blocks == 0) {
    const int64_t each = (options.max_sequence_length + kKeyBlock - 1) / kKeyBlock;
    options.num_cache_blocks = static_cast<int32_t>(each * options.max_running_sequences);
  }
  return options;
}

}  // namespace

std::vector<Graph> generator_graphs(const LlamaConfig& config, const GeneratorOptions& options) {
  const Graph model =
      llama(config,
            {.dtype = options.dtype, .head = Head::logits, .tensor_slices = options.tensor_slices});
  auto parts = cut_at_blocks(model, {0, config.num_hidden_layers});
  for (Graph& part : parts) fuse_neighbours(part);
  return parts;
}

Generator::Generator(const LlamaConfig& config, const GeneratorOptions& options, ThreadPool& pool)
    : config_(config), options_(with_defaults(options, config)), pool_(pool) {
  auto parts = generator_graphs(config, options);
  body_ = std::make_unique<Program>(std::move(parts[0]), Lifetime::forward_only);
  head_ = std::make_unique<Program>(std::move(parts[1]), Lifetime::forward_only);
  const Graph* graphs[] = {&body_->graph(), &head_->graph()};
  parameters_ = std::make_unique<Parameters>(graphs, Trainable::no, options.weights);
  cache_ = std::make_unique<KeyValueCache>(config.num_hidden_layers, config.num_key_value_heads,
                                           config.head_dim, options.dtype,
                                           options_.num_cache_blocks, options.cache_format);
}

Generator::~Generator() = default;

int64_t Generator::blocks_needed(const GenerationRequest& request) const {
  const auto length = static_cast<int64_t>(request.prompt_ids.size()) + request.max_new_tokens;
  return (length + kKeyBlock - 1) / kKeyBlock;
}

void Generator::submit(GenerationRequest request) {
  const auto prompt_length = static_cast<int64_t>(request.prompt_ids.size());
  CHECK(prompt_length > 0, request.key.prompt_id);
  CHECK(request.max_new_tokens > 0, request.max_new_tokens);
  for (int32_t token_id : request.prompt_ids)
    CHECK(token_id >= 0 && token_id < config_.vocab_size, token_id, config_.vocab_size);
  if (prompt_length + request.max_new_tokens > options_.max_sequence_length)
    throw Error("a prompt of " + std::to_string(prompt_length) + " tokens and " +
                std::to_string(request.max_new_tokens) +
                " new ones do not fit into the context of " +
                std::to_string(options_.max_sequence_length) + " tokens");
  CHECK(blocks_needed(request) <= cache_->num_blocks(), blocks_needed(request),
        cache_->num_blocks());
  waiting_.push_back(std::move(request));
}

// Free blocks, less what running sequences may still take. A block that several hold is one.
int64_t Generator::num_unreserved_blocks() const {
  int64_t count = cache_->num_free();
  for (const auto& sequence : running_)
    count -= blocks_needed(sequence->request) - std::ssize(sequence->blocks);
  return count;
}

// Blocks are reserved for the longest that a sequence may become, so none is ever thrown out.
void Generator::admit() {
  while (!waiting_.empty() && num_running() < options_.max_running_sequences &&
         blocks_needed(waiting_.front()) <= num_unreserved_blocks()) {
    auto sequence = std::make_unique<Sequence>();
    sequence->request = std::move(waiting_.front());
    sequence->token_ids = sequence->request.prompt_ids;
    waiting_.pop_front();
    running_.push_back(std::move(sequence));
  }
}

// The step's new tokens: one of each sequence that has been read, and chunks of those that haven't.
Pack Generator::schedule(CacheView& view) {
  Pack pack;
  pack.sequence_starts.push_back(0);
  view.cache = cache_.get();
  for (size_t i = 0; i < running_.size(); ++i) {
    auto& sequence = running_[i];
    sequence->num_scheduled = 0;
    if (options_.share_prefixes && sequence->blocks.empty() &&
        !share_prefix(*sequence, std::span(running_).first(i), *cache_))
      continue;
    const int64_t length = sequence->size();
    const int64_t room = std::max<int64_t>(options_.max_tokens_per_step - pack.num_tokens(), 0);
    const int64_t missing = length - sequence->num_cached;
    sequence->num_scheduled = missing == 1 ? 1 : std::min(missing, room);
    if (sequence->num_scheduled == 0) continue;
    const int64_t end = sequence->num_cached + sequence->num_scheduled;
    for (int64_t position = sequence->num_cached; position < end; ++position) {
      pack.token_ids.push_back(sequence->token_ids[position]);
      pack.positions.push_back(static_cast<int32_t>(position));
    }
    pack.sequence_starts.push_back(static_cast<int32_t>(pack.num_tokens()));
    while (static_cast<int64_t>(sequence->blocks.size()) * kKeyBlock < end)
      sequence->blocks.push_back(cache_->allocate().value());
    view.block_tables.push_back(sequence->blocks);
  }
  return pack;
}

std::vector<GenerationResult> Generator::step() {
  new_tokens_.clear();
  admit();
  if (running_.empty()) return {};
  CacheView view;
  const Pack pack = schedule(view);
  run_step(pack, view);
  return remove_ended();
}

void Generator::run_step(const Pack& pack, const CacheView& view) {
  const BlockLists block_lists(pack, true);
  const KernelContext context = {&pool_, &pack, &view, &block_lists};
  Run body(*body_, *parameters_, nullptr, context, pack.num_tokens());
  body.forward();
  const Tensor& hidden = body.output("hidden");
  const size_t row_bytes = static_cast<size_t>(hidden.columns()) * size_of(hidden.dtype);

  std::vector<Sequence*> complete;
  std::vector<std::byte> rows;  // the last hidden state of each sequence that has been read
  int64_t end_row = 0;
  for (auto& sequence : running_) {
    if (sequence->num_scheduled == 0) continue;
    end_row += sequence->num_scheduled;
    sequence->num_cached += sequence->num_scheduled;
    if (sequence->num_cached < sequence->size()) continue;
    complete.push_back(sequence.get());
    const auto* row = hidden.as<std::byte>() + static_cast<size_t>(end_row - 1) * row_bytes;
    rows.insert(rows.end(), row, row + row_bytes);
  }
  const auto num_complete = static_cast<int64_t>(complete.size());
  for (int64_t begin = 0; begin < num_complete; begin += kMostLogitRows) {
    const int64_t count = std::min(kMostLogitRows, num_complete - begin);
    Run head(*head_, *parameters_, nullptr, context, count);
    head.bind("hidden", rows.data() + static_cast<size_t>(begin) * row_bytes);
    head.forward();
    sample_rows({complete.begin() + begin, complete.begin() + begin + count},
                head.output("logits").as<float>());
  }
}

void Generator::sample_rows(const std::vector<Sequence*>& sequences, const float* logits) {
  pool_.parallel(static_cast<int64_t>(sequences.size()), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      take_token(*sequences[i], logits + i * config_.vocab_size);
  });
  for (const Sequence* sequence : sequences)
    new_tokens_.push_back({sequence->request.tag, sequence->token_ids.back()});
}

void Generator::take_token(Sequence& sequence, const float* logits) {
  const auto& request = sequence.request;
  const RandomAddress address = {
      request.seed, request.purpose, static_cast<uint64_t>(request.key.prompt_id),
      static_cast<uint32_t>(request.key.sample_index), static_cast<uint32_t>(sequence.num_new())};
  const auto [token_id, log_prob] =
      sample({logits, static_cast<size_t>(config_.vocab_size)}, request.sampling,
             {sequence.token_ids, request.prompt_ids.size()}, address);
  sequence.token_ids.push_back(token_id);
  sequence.log_probs.push_back(log_prob);
  sequence.ended =
      std::find(request.end_ids.begin(), request.end_ids.end(), token_id) != request.end_ids.end();
}

std::vector<GenerationResult> Generator::remove_ended() {
  std::vector<GenerationResult> results;
  std::erase_if(running_, [&](std::unique_ptr<Sequence>& sequence) {
    const auto& request = sequence->request;
    if (!sequence->ended && sequence->num_new() < request.max_new_tokens) return false;
    results.push_back(
        {request.tag,
         {sequence->token_ids.begin() + request.prompt_ids.size(), sequence->token_ids.end()},
         std::move(sequence->log_probs),
         !sequence->ended});
    release(*sequence);
    return true;
  });
  return results;
}

void Generator::release(Sequence& sequence) {
  for (int32_t block : sequence.blocks) cache_->release(block);
  sequence.blocks.clear();
  sequence.num_cached = 0;
}

double Generator::cache_use() const {
  return 1 - static_cast<double>(cache_->num_free()) / cache_->num_blocks();
}

void Generator::drop_caches() {
  for (auto& sequence : running_) release(*sequence);
}

}  // namespace troupe
