#include "actors/train/stage_flow.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

TensorRef tensor(float value) {
  return make_tensor_ref(std::vector<float>{value}, DType::f32, {1});
}

RankProgram forwards(int64_t count) {
  RankProgram program;
  for (int64_t i = 0; i < count; ++i) program.push_back({Work::forward, i});
  return program;
}

const std::vector<Instruction> kOneBatch = {{Work::forward, 0}, {Work::backward, 0}};

TEST(StageFlowTest, AStageWithoutNeighboursNeverWaits) {
  StageFlow flow({{false, false}}, 1);
  flow.start(0, kOneBatch);
  EXPECT_EQ(flow.fire()->instruction, kOneBatch[0]);
  const auto last = flow.fire();
  EXPECT_EQ(last->instruction, kOneBatch[1]);
  EXPECT_FALSE(last->input || last->sends_output);
  EXPECT_TRUE(flow.is_done());
  EXPECT_FALSE(flow.fire());
}

TEST(StageFlowTest, WaitsForTheNextInstructionsInputAndForNoOther) {
  StageFlow flow({{true, false}}, 1);
  flow.start(0, forwards(2));
  EXPECT_FALSE(flow.fire());
  EXPECT_EQ(flow.waiting_for(), "hidden of micro-batch 0");
  EXPECT_FALSE(flow.waits_for_next());
  flow.arrive(Flow::hidden, 0, 0, 1, tensor(1));
  EXPECT_FALSE(flow.fire());
  flow.arrive(Flow::hidden, 0, 0, 0, tensor(0));
  EXPECT_EQ(flow.fire()->input->as<float>()[0], 0);
  EXPECT_EQ(flow.fire()->input->as<float>()[0], 1);
  EXPECT_TRUE(flow.is_done());
  EXPECT_EQ(flow.waiting_for(), "");
}

TEST(StageFlowTest, WaitsForAFreeRegister) {
  StageFlow flow({{false, true}}, 2);
  flow.start(0, forwards(3));
  EXPECT_TRUE(flow.fire()->sends_output);
  EXPECT_TRUE(flow.fire());
  EXPECT_FALSE(flow.fire());
  EXPECT_EQ(flow.waiting_for(), "a free register for the hidden of micro-batch 2");
  EXPECT_TRUE(flow.waits_for_next());
  flow.register_is_free(Flow::gradient, 0);
  EXPECT_FALSE(flow.fire());
  flow.register_is_free(Flow::hidden, 0);
  EXPECT_TRUE(flow.fire());
}

TEST(StageFlowTest, GradientsComeFromTheNextStageAndGoToThePrevious) {
  StageFlow flow({{true, true}}, 1);
  flow.start(0, kOneBatch);
  flow.arrive(Flow::hidden, 0, 0, 0, tensor(3));
  EXPECT_TRUE(flow.fire()->sends_output);
  EXPECT_FALSE(flow.fire());
  EXPECT_EQ(flow.waiting_for(), "gradient of micro-batch 0");
  EXPECT_TRUE(flow.waits_for_next());
  flow.arrive(Flow::gradient, 0, 0, 0, tensor(4));
  const auto backward = flow.fire();
  EXPECT_EQ(backward->input->as<float>()[0], 4);
  EXPECT_TRUE(backward->sends_output);
}

TEST(StageFlowTest, InputsMayArriveBeforeTheirBatchStarts) {
  StageFlow flow({{true, false}}, 1);
  flow.arrive(Flow::hidden, 0, 6, 0, tensor(6));
  flow.start(5, forwards(1));
  EXPECT_FALSE(flow.fire());
  flow.arrive(Flow::hidden, 0, 5, 0, tensor(5));
  EXPECT_EQ(flow.fire()->input->as<float>()[0], 5);
  flow.start(6, forwards(1));
  EXPECT_EQ(flow.fire()->input->as<float>()[0], 6);
}

TEST(StageFlowTest, RegistersInUseStayInUseInTheNextBatch) {
  StageFlow flow({{false, true}}, 1);
  flow.start(0, forwards(1));
  EXPECT_TRUE(flow.fire());
  flow.start(1, forwards(1));
  EXPECT_FALSE(flow.fire());
  flow.register_is_free(Flow::hidden, 0);
  EXPECT_TRUE(flow.fire());
}

TEST(StageFlowTest, ABatchStartsAfterTheLastOneAndUnderItsOwnNumber) {
  StageFlow flow({{true, false}}, 1);
  flow.start(0, forwards(1));
  EXPECT_THROW(flow.start(1, forwards(1)), Error);
  flow.arrive(Flow::hidden, 0, 0, 0, tensor(1));
  EXPECT_THROW(flow.arrive(Flow::hidden, 0, 0, 0, tensor(1)), Error);
  flow.fire();
  EXPECT_THROW(flow.start(0, forwards(1)), Error);
}

}  // namespace
}  // namespace troupe
