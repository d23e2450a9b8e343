#include "base/nearest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace troupe {
namespace {

TEST(NearestTest, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("rlfh", "rlhf"), 1);
  EXPECT_EQ(edit_distance("", "abc"), 3);
}

RC_GTEST_PROP(NearestTest, DistanceIsSymmetricAndZeroForEqualWordsOnly,
              (std::string a, std::string b)) {
  RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
  RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
}

TEST(NearestTest, ProposesANearNameAndNoFarOne) {
  EXPECT_EQ(did_you_mean("tokenise", {"topology", "tokenize"}), ", did you mean 'tokenize'?");
  EXPECT_EQ(did_you_mean("xyz", {"topology", "tokenize"}), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

}  // namespace
}  // namespace troupe
