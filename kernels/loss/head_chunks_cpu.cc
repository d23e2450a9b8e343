#include "base/error.h"
#include "devices/communicator.h"
#include "kernels/loops.h"
#include "kernels/loss/head_chunks.h"
#include "kernels/loss/log_softmax.h"

namespace troupe {

HeadScratch& head_scratch() {
  thread_local HeadScratch scratch;
  return scratch;
}

HeadProduct::HeadProduct(const KernelArgs& args)
    : hidden(args.inputs[0]), weight(*args.inputs[1].packed), pool(*args.context.pool) {
  CHECK(hidden.columns() == weight.k(), hidden.columns(), weight.k());
  CHECK(hidden.dtype == weight.dtype(), name_of(hidden.dtype), name_of(weight.dtype()));
  CHECK(args.attributes.temperature > 0, args.attributes.temperature);
}

Tensor HeadProduct::rows_tensor(Buffer& buffer, int64_t count) const {
  return {
      HeadScratch::at_least(buffer, count * row_bytes()), hidden.dtype, {count, hidden.columns()}};
}

Tensor HeadProduct::gather(std::span<const int32_t> rows) const {
  Tensor chosen = rows_tensor(head_scratch().hidden, static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(chosen.as<char>() + static_cast<int64_t>(i) * row_bytes(),
                hidden.as<char>() + rows[i] * row_bytes(), row_bytes());
  return chosen;
}

Tensor HeadProduct::logits_of(const Tensor& chosen) const {
  const int64_t bytes = chosen.rows() * weight.n() * static_cast<int64_t>(sizeof(float));
  Tensor logits = {
      HeadScratch::at_least(head_scratch().logits, bytes), DType::f32, {chosen.rows(), weight.n()}};
  matmul(chosen, weight, logits, 1, pool);
  return logits;
}

bool has_target(const int32_t* targets, int64_t token, int64_t vocab_size) {
  const int32_t target = targets[token];
  CHECK(target >= -1 && target < vocab_size, target, vocab_size);
  return target >= 0;
}

HeadVocabulary::HeadVocabulary(const KernelArgs& args, int64_t rows_here)
    : size(rows_here * args.attributes.num_shards),
      first(rows_here * args.attributes.shard),
      count(rows_here),
      num_slices(vocab_slices(size) / args.attributes.num_shards) {
  const int num_shards = args.attributes.num_shards;
  CHECK(num_slices * num_shards == vocab_slices(size), size, num_shards, num_slices);
}

namespace {

// Of a row, over the ids that are here: what all shards must know before they can sum.
struct RowPart {
  float max, target_logit;
};

// Each row's largest logit and its target's, of all shards.
void exchange_parts(Communicator& group, const std::vector<int>& owners,
                    std::vector<RowPart>& parts) {
  const auto bytes = static_cast<int64_t>(parts.size() * sizeof(RowPart));
  std::vector<RowPart> all(parts.size() * group.size());
  std::vector<int64_t> borders;
  for (int rank = 0; rank <= group.size(); ++rank) borders.push_back(rank * bytes);
  group.all_gather(std::as_bytes(std::span(parts)), borders,
                   std::as_writable_bytes(std::span(all)));
  for (size_t i = 0; i < parts.size(); ++i) {
    for (int rank = 0; rank < group.size(); ++rank)
      parts[i].max = std::max(parts[i].max, all[rank * parts.size() + i].max);
    parts[i].target_logit = all[owners[i] * parts.size() + i].target_logit;
  }
}

// The rows of a vocabulary that several shards share. Their sums are the tree of the shards' trees.
void read_shared_rows(const KernelArgs& args, const Tensor& logits, std::span<const int32_t> rows,
                      const HeadReadings& readings) {
  const HeadVocabulary vocabulary(args, logits.columns());
  const auto* targets = args.inputs[2].as<int32_t>();
  const float temperature = args.attributes.temperature;
  std::vector<RowPart> parts(rows.size());
  std::vector<int> owners(rows.size());
  std::vector<RowSums> sums(rows.size());
  const auto for_rows = [&](auto&& body) {
    parallel_for(args.context, logits.rows(), vocabulary.count * kCostOfLogit,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i)
                     body(i, logits.as<float>() + i * vocabulary.count);
                 });
  };
  for_rows([&](int64_t i, const float* row) {
    const int32_t target = targets[rows[i]];
    owners[i] = static_cast<int>(target / vocabulary.count);
    parts[i] = {row_max(row, vocabulary.count, temperature),
                vocabulary.holds(target) ? row[target - vocabulary.first] : 0};
  });
  exchange_parts(*args.context.tensor_group, owners, parts);
  for_rows([&](int64_t i, const float* row) {
    sums[i] = row_sums(row, vocabulary.count, vocabulary.num_slices, parts[i].max, temperature);
  });
  static_assert(sizeof(RowSums) == 2 * sizeof(double));
  args.context.tensor_group->all_reduce(
      std::span(reinterpret_cast<double*>(sums.data()), 2 * sums.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto statistics = row_statistics(parts[i].max, sums[i]);
    readings.log_prob[rows[i]] = log_prob_of(&parts[i].target_logit, 0, temperature, statistics);
    readings.entropy[rows[i]] = statistics.entropy;
    readings.log_sum_exp[rows[i]] = statistics.log_sum_exp;
  }
}

}  // namespace

void read_head_rows(const KernelArgs& args, const Tensor& logits, std::span<const int32_t> rows,
                    const HeadReadings& readings) {
  if (args.attributes.num_shards > 1) return read_shared_rows(args, logits, rows, readings);
  const int64_t vocab_size = logits.columns();
  const auto* targets = args.inputs[2].as<int32_t>();
  const float temperature = args.attributes.temperature;
  parallel_for(args.context, logits.rows(), vocab_size * kCostOfLogit,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const float* row = logits.as<float>() + i * vocab_size;
                   const int32_t t = rows[i];
                   const auto statistics = log_softmax_statistics(row, vocab_size, temperature);
                   readings.log_prob[t] = log_prob_of(row, targets[t], temperature, statistics);
                   readings.entropy[t] = statistics.entropy;
                   readings.log_sum_exp[t] = statistics.log_sum_exp;
                 }
               });
}

}  // namespace troupe
