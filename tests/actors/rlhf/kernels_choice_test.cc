#include "actors/rlhf/kernels_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/instruction_set.h"

namespace troupe {
namespace {

Config quickstart(const std::vector<std::string>& overrides) {
  return load_run_config(TROUPE_SOURCE_DIR "/configs/quickstart.yaml", overrides);
}

std::string resolved(const std::vector<std::string>& overrides) {
  Config config = quickstart(overrides);
  resolve_kernels(config);
  return std::string(name_of(config.as<RunConfig>().getNumerics().getKernels()));
}

TEST(KernelsChoiceTest, ARunInF32CanGoOnOnAnyMachine) {
  EXPECT_EQ(resolved({"model.dtype=f32"}), "portable");
}

TEST(KernelsChoiceTest, ARunInBf16TakesTheBestOfThisMachineUnlessToldOtherwise) {
  EXPECT_EQ(resolved({"model.dtype=bf16"}), numerics_of(best_instruction_set()));
  EXPECT_EQ(resolved({"model.dtype=bf16", "numerics.kernels=portable"}), "portable");
}

TEST(KernelsChoiceTest, WhatTheMachineLacksIsRefusedByName) {
  if (is_supported(InstructionSet::amx)) GTEST_SKIP() << "this machine has everything";
  try {
    resolved({"numerics.kernels=amx"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("numerics.kernels = amx: this machine's CPU"));
  }
}

TEST(KernelsChoiceTest, AProcessFollowsItsRun) {
  const InstructionSet before = instruction_set();
  use_kernels(quickstart({"numerics.kernels=portable"}).as<RunConfig>());
  EXPECT_EQ(numerics_of(instruction_set()), "portable");
  use_instruction_set(before);
}

}  // namespace
}  // namespace troupe
