#include "kernels/instruction_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

constexpr InstructionSet kSets[] = {InstructionSet::avx2, InstructionSet::avx512,
                                    InstructionSet::avx512_bf16, InstructionSet::amx};

// Gives the chosen set back at the end of a test.
class InstructionSetTest : public testing::Test {
 protected:
  ~InstructionSetTest() override { use_instruction_set(before_); }

 private:
  InstructionSet before_ = instruction_set();
};

TEST_F(InstructionSetTest, IsTheBestOneUnlessTheEnvironmentSaysOtherwise) {
  const char* name = std::getenv("TROUPE_INSTRUCTION_SET");
  EXPECT_EQ(name_of(instruction_set()), name ? name : name_of(best_instruction_set()));
}

TEST_F(InstructionSetTest, TakesThoseOfTheMachineAndNoOther) {
  for (InstructionSet set : kSets) {
    if (is_supported(set)) {
      use_instruction_set(set);
      EXPECT_EQ(instruction_set(), set);
    } else {
      EXPECT_THROW(use_instruction_set(set), Error);
    }
  }
}

TEST_F(InstructionSetTest, AnOrderOfAdditionNamesTheBestSetThatFollowsIt) {
  EXPECT_EQ(instruction_set_for("auto"), best_instruction_set());
  EXPECT_EQ(numerics_of(instruction_set_for("portable")), "portable");
  for (InstructionSet set : kSets) {
    if (!is_supported(set)) continue;
    EXPECT_EQ(numerics_of(instruction_set_for(numerics_of(set))), numerics_of(set));
  }
}

TEST_F(InstructionSetTest, AnUnknownOrderIsRefusedWithTheKnownOnes) {
  try {
    instruction_set_for("sse9");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("\"sse9\"; known: auto, portable"));
  }
}

}  // namespace
}  // namespace troupe
