#include "kernels/ops.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace troupe {
namespace {

TEST(OpsTest, HaveDistinctNamesAndCpuKernels) {
  std::set<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name;
    EXPECT_NE(op->cpu, nullptr) << op->name;
    EXPECT_EQ(&op_named(op->name), op);
  }
  EXPECT_THROW(op_named("no such op"), Error);
}

}  // namespace
}  // namespace troupe
