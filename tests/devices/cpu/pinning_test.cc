#include "devices/cpu/pinning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "base/error.h"

namespace troupe {
namespace {

cpu_set_t affinity() {
  cpu_set_t cores;
  sched_getaffinity(0, sizeof cores, &cores);
  return cores;
}

// Lets the process run where it ran before.
class PinningTest : public testing::Test {
 protected:
  ~PinningTest() override { sched_setaffinity(0, sizeof before_, &before_); }

  int first_core() const {
    int core = 0;
    while (!CPU_ISSET(core, &before_)) ++core;
    return core;
  }
  std::string error_of(const CorePlacement& placement) {
    try {
      pin_process(placement);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

 private:
  cpu_set_t before_ = affinity();
};

TEST_F(PinningTest, KeepsThisThreadAndLaterOnesToTheCores) {
  const int core = first_core();
  EXPECT_EQ(pin_process({std::to_string(core)}), 1);
  cpu_set_t of_thread;
  std::thread([&] { of_thread = affinity(); }).join();
  for (const cpu_set_t& cores : {affinity(), of_thread}) {
    EXPECT_EQ(CPU_COUNT(&cores), 1);
    EXPECT_TRUE(CPU_ISSET(core, &cores));
  }
}

TEST_F(PinningTest, NamesWhatTheMachineDoesNotHave) {
  EXPECT_THAT(error_of({"4000-4001"}), testing::HasSubstr("cores \"4000-4001\""));
  EXPECT_THAT(error_of({"two"}), testing::HasSubstr("cores \"two\""));
  EXPECT_THAT(error_of({"", 1000}), testing::HasSubstr("numa_node 1000"));
}

}  // namespace
}  // namespace troupe
