#include "actors/train/packed_sequences.h"

#include <algorithm>

#include "base/error.h"
#include "rlhf/packing.h"

namespace troupe {

TrainingSequence response_sequence(std::span<const int32_t> prompt_ids,
                                   std::span<const int32_t> response_ids) {
  CHECK(!prompt_ids.empty() && !response_ids.empty(), prompt_ids.size(), response_ids.size());
  TrainingSequence sequence;
  sequence.token_ids.assign(prompt_ids.begin(), prompt_ids.end());
  sequence.token_ids.insert(sequence.token_ids.end(), response_ids.begin(), response_ids.end() - 1);
  sequence.targets.assign(prompt_ids.size() - 1, -1);
  sequence.targets.insert(sequence.targets.end(), response_ids.begin(), response_ids.end());
  auto& weight = sequence.columns["weight"];
  weight.assign(prompt_ids.size() - 1, 0.0f);
  weight.resize(sequence.token_ids.size(), 1.0f);
  return sequence;
}

PackedSequences::PackedSequences(std::vector<TrainingSequence> sequences, PackOrder order,
                                 int64_t max_tokens, int32_t data_slices, size_t unit)
    : places_(sequences.size()) {
  CHECK(unit > 0 && sequences.size() % unit == 0, sequences.size(), unit);
  std::vector<int64_t> lengths(sequences.size() / unit);
  for (size_t i = 0; i < sequences.size(); ++i)
    lengths[i / unit] += static_cast<int64_t>(sequences[i].token_ids.size());
  const auto plan = order == PackOrder::best_fit ? pack_best_fit(lengths, max_tokens)
                                                 : pack_in_order(lengths, max_tokens);
  const auto groups = deal_packs(plan, lengths, data_slices);
  for (size_t group = 0; group < groups.size(); ++group) {
    for (int32_t pack : groups[group]) {
      auto& batch = micro_batches_.emplace_back();
      batch.index = static_cast<int64_t>(micro_batches_.size()) - 1;
      batch.group = static_cast<int32_t>(group);
      batch.sequence_starts.push_back(0);
      for (int32_t member : plan[pack]) {
        for (size_t i = member * unit; i < (member + 1) * unit; ++i) {
          places_[i] = {micro_batches_.size() - 1, batch.token_ids.size(),
                        sequences[i].token_ids.size()};
          append(sequences[i], batch);
        }
      }
    }
  }
}

void PackedSequences::append(const TrainingSequence& sequence, MicroBatch& batch) {
  const size_t size = sequence.token_ids.size();
  CHECK(sequence.targets.empty() || sequence.targets.size() == size, sequence.targets.size(), size);
  for (size_t i = 0; i < size; ++i) {
    batch.token_ids.push_back(sequence.token_ids[i]);
    batch.positions.push_back(static_cast<int32_t>(i));
    batch.targets.push_back(sequence.targets.empty() ? -1 : sequence.targets[i]);
  }
  for (const auto& [name, values] : sequence.columns) {
    CHECK(values.size() == size, name, values.size(), size);
    auto& column = batch.columns[name];
    column.resize(batch.token_ids.size() - size, 0.0f);
    column.insert(column.end(), values.begin(), values.end());
  }
  for (auto& [name, column] : batch.columns) column.resize(batch.token_ids.size(), 0.0f);
  batch.sequence_starts.push_back(static_cast<int32_t>(batch.token_ids.size()));
}

std::span<const float> PackedSequences::rows(const std::vector<MicroBatchOutput>& outputs,
                                             const std::string& column, size_t sequence) const {
  const Place& place = places_.at(sequence);
  const auto& output = outputs.at(place.micro_batch);
  CHECK(output.index == static_cast<int64_t>(place.micro_batch), output.index);
  auto found = output.columns.find(column);
  CHECK(found != output.columns.end(), column);
  return std::span(found->second).subspan(place.row, place.num_rows);
}

void PackedSequences::set_rows(const std::string& column, size_t sequence, size_t first_row,
                               std::span<const float> values) {
  const Place& place = places_.at(sequence);
  CHECK(first_row + values.size() <= place.num_rows, column, first_row, values.size(),
        place.num_rows);
  auto& batch = micro_batches_[place.micro_batch];
  auto& rows = batch.columns[column];
  rows.resize(batch.token_ids.size(), 0.0f);
  std::copy(values.begin(), values.end(), rows.begin() + place.row + first_row);
}

}  // namespace troupe
