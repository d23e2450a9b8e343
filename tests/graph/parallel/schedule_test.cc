#include "graph/parallel/schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"
#include "graph/parallel/schedule_check.h"
#include "graph/parallel/schedule_csv.h"
#include "graph/parallel/schedule_simulator.h"

namespace troupe {
namespace {

const Schedule& arbitrary_schedule() {
  return *all_schedules()[*rc::gen::inRange<size_t>(0, all_schedules().size())];
}

PipelineSize arbitrary_size(const Schedule& schedule) {
  PipelineSize size;
  size.num_ranks = *rc::gen::inRange(1, 17);
  size.num_micro_batches = *rc::gen::inRange(0, 40);
  size.num_chunks = *rc::gen::inRange(schedule.least_chunks, std::min(schedule.most_chunks, 4) + 1);
  size.num_extra_forwards = *rc::gen::inRange(0, 3);
  return size;
}

RC_GTEST_PROP(ScheduleTest, EveryTableCanBeRunWhateverItsSize, ()) {
  const Schedule& schedule = arbitrary_schedule();
  const PipelineSize size = arbitrary_size(schedule);
  const auto table = make_table(schedule, size);
  const int64_t registers = registers_for(schedule, size, table, 1);
  check_table(schedule, size, table, registers);
  RC_ASSERT(registers <= std::max<int64_t>(1, size.num_micro_batches));
  if (schedule.any_registers) RC_ASSERT(registers <= 1 + size.num_extra_forwards);
  RC_ASSERT(table_from_csv(to_csv(table)) == table);
  for (const auto& program : table)
    for (const auto& one : program)
      RC_ASSERT(schedule.splits_backward ==
                    (one.work == Work::input_gradient || one.work == Work::weight_gradient) ||
                one.work == Work::forward);
}

RC_GTEST_PROP(ScheduleTest, ScoringIsForwardsInOrderThatCanBeRun, ()) {
  const Schedule& schedule = arbitrary_schedule();
  const PipelineSize size = arbitrary_size(schedule);
  auto table = forward_only(schedule, size);
  for (auto& program : table) {
    RC_ASSERT(std::ssize(program) == size.num_micro_batches * size.num_chunks);
    for (const auto& one : program) RC_ASSERT(one.work == Work::forward);
    // As a table for training, with all backwards behind, it must pass the check.
    const auto forwards = program;
    for (int chunk = size.num_chunks; chunk-- > 0;)
      for (int64_t i = 0; i < size.num_micro_batches; ++i)
        program.push_back({Work::backward, i, chunk});
  }
  check_table(schedule, size, table, std::max<int64_t>(1, size.num_micro_batches));
}

double bubble_of(const char* name, PipelineSize size, const StageCost& cost) {
  const Schedule& schedule = schedule_named(name);
  return simulate(schedule, size, make_table(schedule, size), {{cost}}).bubble();
}

TEST(ScheduleTest, GpipeAnd1f1bIdleAsTheirFormulaSays) {
  for (int p : {1, 2, 4, 7})
    for (int64_t m : {1, 3, 8, 20})
      for (const char* name : {"gpipe", "1f1b"}) {
        const double expected = (p - 1.0) / (static_cast<double>(m) + p - 1.0);
        EXPECT_NEAR(bubble_of(name, {p, m}, {1, 1, 1}), expected, 1e-9) << name << p << m;
      }
}

// Where there are fewer micro-batches than ranks, the first of them goes down and up all virtual
// stages alone, and the others follow.
double interleaved_bubble(double p, double m, double v) {
  return m < p ? 1 - v * m / (v * p + m - 1) : (p - 1) / (v * m + p - 1);
}

TEST(ScheduleTest, InterleavingDividesTheBubbleByTheChunksWhateverTheMicroBatches) {
  for (int p = 1; p <= 8; ++p)
    for (int v = 2; v <= 4; ++v)
      for (int64_t m = 1; m <= 40; ++m)
        EXPECT_NEAR(bubble_of("interleaved", {p, m, v}, {1, 1, 1}),
                    interleaved_bubble(p, static_cast<double>(m), v), 1e-9)
            << "ranks " << p << ", chunks " << v << ", micro-batches " << m;
}

TEST(ScheduleTest, AnInterleavedRankHoldsTheLongestRoundOfEachChunkButOneAndTwoForEachRankBehind) {
  for (int p : {2, 4, 8})
    for (int64_t m : {1 * p, 2 * p - 1, 3 * p + 1}) {
      const int64_t rounds = m / p, longest = (m + rounds - 1) / rounds;
      const auto held = most_held(make_table(schedule_named("interleaved"), {p, m, 3}));
      for (int rank = 0; rank < p; ++rank)
        EXPECT_LE(held[rank], 2 * (p - rank - 1) + 2 * longest + 1) << p << ' ' << m << ' ' << rank;
    }
}

TEST(ScheduleTest, ZbH1IdlesForAForwardOfEachRankButOneAndHoldsNoMoreThan1f1bsFirst) {
  for (int p = 1; p <= 8; ++p)
    for (int64_t m = p; m <= 40; ++m) {
      const double expected = (p - 1.0) / (3.0 * static_cast<double>(m) + p - 1.0);
      EXPECT_NEAR(bubble_of("zb-h1", {p, m}, {1, 1, 1}), expected, 1e-9) << p << ' ' << m;
      for (int64_t held : most_held(make_table(schedule_named("zb-h1"), {p, m})))
        EXPECT_LE(held, p);
    }
}

TEST(ScheduleTest, ZeroBubbleSchedulesIdleLessThan1f1bAndHoldNoMore) {
  for (int p : {2, 4, 8}) {
    const PipelineSize size = {p, 3 * p};
    const PipelineSize in_v = {p, 3 * p, 2};
    const double plain = bubble_of("1f1b", size, {1, 1, 1});
    EXPECT_LT(bubble_of("zb-h1", size, {1, 1, 1}), 0.67 * plain) << p;
    EXPECT_LT(bubble_of("zbv", in_v, {1, 1, 1}), 0.4 * plain) << p;
    for (int64_t held : most_held(make_table(schedule_named("zb-h1"), size))) EXPECT_LE(held, p);
    for (int64_t held : most_held(make_table(schedule_named("zbv"), in_v))) EXPECT_LE(held, 2 * p);
  }
}

TEST(ScheduleTest, A1f1bRankHoldsAsManyAsRanksFollow) {
  EXPECT_EQ(most_held(make_table(schedule_named("1f1b"), {4, 20})),
            (std::vector<int64_t>{4, 3, 2, 1}));
  EXPECT_EQ(most_held(make_table(schedule_named("gpipe"), {2, 20})),
            (std::vector<int64_t>{20, 20}));
}

std::string refusal(const std::string& csv, const char* name, PipelineSize size,
                    int64_t registers = 8) {
  try {
    check_table(schedule_named(name), size, table_from_csv(csv), registers);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_in(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(ScheduleTest, ATableThatCannotBeRunIsRefusedByName) {
  EXPECT_EQ(refusal("F0,F1,B0,B1\nF0,B0,F1,B1\n", "1f1b", {2, 2}), "");
  expect_in(refusal("F0,B0,F1,B1\nF0,F1,B0,B1\n", "1f1b", {2, 2}),
            "rank 0, instruction 2 (B0) waits for rank 1; rank 1, instruction 2 (F1) waits for "
            "rank 0; which is a circle");
  expect_in(refusal("F0,F1,B0,B1\nF0,F1,B0,B1\n", "1f1b", {2, 2, 1}, 1), "");
  expect_in(refusal("F0,F0\nF0,B0\n", "1f1b", {2, 1}),
            "rank 0, instruction 2 (F0): expected micro-batch 1 here");
  expect_in(refusal("B0,F0\nF0,B0\n", "1f1b", {2, 1}), "(B0): its forward comes later");
  expect_in(refusal("F0,W0,I0\n", "zb-h1", {1, 1}), "(W0): its input gradient comes later");
  expect_in(refusal("F0\nF0,B0\n", "1f1b", {2, 1}), "rank 0, chunk 0: 1 forwards, 0 backwards");
  expect_in(refusal("F0.1,B0.1\n", "1f1b", {1, 1}), "there are 1 chunks");
  expect_in(refusal("F0,B0\n", "1f1b", {2, 1}), "a table of 1 ranks for 2");
  expect_in(refusal("F0,X1\n", "1f1b", {1, 1}), "row 1, column 2: \"X1\" is no instruction");
  expect_in(refusal("F0,B0.\n", "1f1b", {1, 1}), "\"B0.\"");
}

TEST(ScheduleTest, UnknownNamesAndChunksAreRefused) {
  EXPECT_THROW(schedule_named("2f2b"), Error);
  EXPECT_THROW(make_table(schedule_named("zbv"), {2, 4, 3}), Error);
  EXPECT_THROW(make_table(schedule_named("1f1b"), {2, 4, 2}), Error);
}

TEST(ScheduleTest, ADrawingHasARowForEachRank) {
  const Schedule& schedule = schedule_named("1f1b");
  const PipelineSize size = {2, 2};
  const auto table = make_table(schedule, size);
  EXPECT_EQ(drawing(simulate(schedule, size, table, {{{3, 3, 3}}}), table, 1),
            "F0-F1-      B0----   B1----\n"
            "   F0-B0----F1-B1----\n");
}

}  // namespace
}  // namespace troupe
