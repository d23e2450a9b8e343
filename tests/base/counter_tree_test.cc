#include "base/counter_tree.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace troupe {
namespace {

std::string sum(const std::string& a, const std::string& b) {
  return '(' + a + '+' + b + ')';
}

// '.' is an absent part.
std::string order_of(const std::string& parts) {
  CounterTree<std::string> tree;
  for (const char part : parts)
    if (part == '.')
      tree.skip(sum);
    else
      tree.add(std::string(1, part), sum);
  return tree.total(sum);
}

// The same from the top: all but the last power of two on the left.
std::string order_from_the_top(const std::string& parts) {
  if (parts.size() == 1) return parts == "." ? "" : parts;
  size_t left = 1;
  while (left * 2 < parts.size()) left *= 2;
  const auto a = order_from_the_top(parts.substr(0, left));
  const auto b = order_from_the_top(parts.substr(left));
  return a.empty() ? b : b.empty() ? a : sum(a, b);
}

TEST(CounterTreeTest, AddsAsABinaryCounterCounts) {
  EXPECT_EQ(order_of("a"), "a");
  EXPECT_EQ(order_of("abc"), "((a+b)+c)");
  EXPECT_EQ(order_of("abcd"), "((a+b)+(c+d))");
  EXPECT_EQ(order_of("abcdefg"), "(((a+b)+(c+d))+((e+f)+g))");
}

TEST(CounterTreeTest, AnAbsentPartIsSkippedAndItsSubtreeMovesUp) {
  EXPECT_EQ(order_of("a.cd"), "(a+(c+d))");
  EXPECT_EQ(order_of("..cde"), "((c+d)+e)");
  EXPECT_EQ(order_of("ab.."), "(a+b)");
}

TEST(CounterTreeTest, ASumOfNobodyIsRefused) {
  CounterTree<std::string> tree;
  tree.skip(sum);
  EXPECT_TRUE(tree.is_empty());
  EXPECT_THROW(tree.total(sum), Error);
}

RC_GTEST_PROP(CounterTreeTest, AnyPartsHaveTheOrderThatIsCutFromTheTop,
              (const std::vector<bool>& present)) {
  std::string parts;
  for (size_t i = 0; i < present.size(); ++i)
    parts += present[i] ? static_cast<char>('a' + i % 26) : '.';
  RC_PRE(parts.find_first_not_of('.') != std::string::npos);
  RC_ASSERT(order_of(parts) == order_from_the_top(parts));
}

}  // namespace
}  // namespace troupe
