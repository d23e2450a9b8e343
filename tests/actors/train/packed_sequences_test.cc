#include "actors/train/packed_sequences.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

constexpr int64_t kMaxTokens = 40;

std::vector<TrainingSequence> any_sequences(size_t unit) {
  const auto count = *rc::gen::inRange<size_t>(1, 30) * unit;
  std::vector<TrainingSequence> sequences(count);
  for (size_t i = 0; i < count; ++i) {
    const auto size = *rc::gen::inRange<size_t>(1, kMaxTokens / unit + 1);
    sequences[i].token_ids.assign(size, static_cast<int32_t>(i));
    sequences[i].columns["own"].assign(size, static_cast<float>(i));
  }
  return sequences;
}

// What a model would answer if it repeated a column.
std::vector<MicroBatchOutput> echo(const PackedSequences& packed, const std::string& column) {
  std::vector<MicroBatchOutput> outputs;
  for (const auto& batch : packed.micro_batches())
    outputs.push_back({batch.index, {{column, batch.columns.at(column)}}});
  return outputs;
}

RC_GTEST_PROP(PackedSequencesTest, WhatIsSetForASequenceIsReadBackForIt, ()) {
  const auto sequences = any_sequences(1);
  const auto order = *rc::gen::element(PackOrder::best_fit, PackOrder::in_order);
  PackedSequences packed(sequences, order, kMaxTokens, *rc::gen::inRange(1, 9));
  for (size_t i = 0; i < sequences.size(); ++i) {
    const size_t size = sequences[i].token_ids.size(), first = size / 2;
    packed.set_rows("late", i, first,
                    std::vector<float>(size - first, 100 + static_cast<float>(i)));
  }
  const auto own = echo(packed, "own"), late = echo(packed, "late");
  for (size_t i = 0; i < sequences.size(); ++i) {
    const size_t size = sequences[i].token_ids.size(), first = size / 2;
    const auto rows = packed.rows(own, "own", i), late_rows = packed.rows(late, "late", i);
    RC_ASSERT(std::vector<float>(rows.begin(), rows.end()) == sequences[i].columns.at("own"));
    RC_ASSERT(late_rows.size() == size);
    for (size_t row = 0; row < size; ++row)
      RC_ASSERT(late_rows[row] == (row < first ? 0.0f : 100 + static_cast<float>(i)));
  }
}

RC_GTEST_PROP(PackedSequencesTest, MicroBatchesAreNumberedGroupsAscendAndNothingOverflows, ()) {
  const auto sequences = any_sequences(1);
  const int slices = *rc::gen::inRange(1, 9);
  const PackedSequences packed(sequences, PackOrder::best_fit, kMaxTokens, slices);
  int64_t index = 0;
  int32_t group = 0;
  size_t tokens = 0, expected = 0;
  for (const auto& batch : packed.micro_batches()) {
    RC_ASSERT(batch.index == index++);
    RC_ASSERT(batch.group >= group && batch.group < slices);
    group = batch.group;
    RC_ASSERT(batch.token_ids.size() <= static_cast<size_t>(kMaxTokens));
    RC_ASSERT(batch.sequence_starts.front() == 0);
    RC_ASSERT(batch.sequence_starts.back() == static_cast<int32_t>(batch.token_ids.size()));
    for (size_t i = 0; i + 1 < batch.sequence_starts.size(); ++i)
      for (int32_t row = batch.sequence_starts[i]; row < batch.sequence_starts[i + 1]; ++row)
        RC_ASSERT(batch.positions[row] == row - batch.sequence_starts[i]);
    tokens += batch.token_ids.size();
  }
  for (const auto& sequence : sequences) expected += sequence.token_ids.size();
  RC_ASSERT(tokens == expected);
}

RC_GTEST_PROP(PackedSequencesTest, PairsStayTogetherInOrder, ()) {
  const auto sequences = any_sequences(2);
  const PackedSequences packed(sequences, PackOrder::in_order, kMaxTokens, 8, 2);
  for (const auto& batch : packed.micro_batches()) {
    const size_t count = batch.sequence_starts.size() - 1;
    RC_ASSERT(count % 2 == 0);
    for (size_t i = 0; i < count; i += 2) {
      const int32_t first = batch.token_ids[batch.sequence_starts[i]];
      RC_ASSERT(first % 2 == 0);
      RC_ASSERT(batch.token_ids[batch.sequence_starts[i + 1]] == first + 1);
    }
  }
}

TEST(PackedSequencesTest, ARowStandsForTheTokenThatItPredicts) {
  const auto sequence =
      response_sequence(std::vector<int32_t>{1, 2}, std::vector<int32_t>{7, 8, 9});
  EXPECT_EQ(sequence.token_ids, (std::vector<int32_t>{1, 2, 7, 8}));
  EXPECT_EQ(sequence.targets, (std::vector<int32_t>{-1, 7, 8, 9}));  // the end of sequence, too
  EXPECT_EQ(sequence.columns.at("weight"), (std::vector<float>{0, 1, 1, 1}));
  EXPECT_THROW(response_sequence({}, std::vector<int32_t>{1}), Error);
  EXPECT_THROW(response_sequence(std::vector<int32_t>{1}, {}), Error);
}

TEST(PackedSequencesTest, WhatDoesNotFitIsRefused) {
  std::vector<TrainingSequence> sequences(2);
  for (auto& sequence : sequences) sequence.token_ids.assign(30, 1);
  EXPECT_NO_THROW(PackedSequences(sequences, PackOrder::in_order, kMaxTokens, 1));
  EXPECT_THROW(PackedSequences(sequences, PackOrder::in_order, kMaxTokens, 1, 2), Error);
  PackedSequences packed(sequences, PackOrder::in_order, kMaxTokens, 1);
  EXPECT_THROW(packed.set_rows("late", 0, 29, std::vector<float>(2)), Error);
}

}  // namespace
}  // namespace troupe
