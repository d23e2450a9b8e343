#include "graph/gradients.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {
namespace {

// Two weights of two elements; the second is tied: a table and a head.
ThreadPool pool(2);

struct Model {
  Graph graph;
  ValueId plain, table, head;

  Model() {
    plain = gradient_of("plain", WeightLayout::plain);
    table = gradient_of("tied", WeightLayout::table);
    head = gradient_of("tied", WeightLayout::matmul);
  }
  ValueId gradient_of(const std::string& name, WeightLayout layout) {
    return graph.weight_gradient(graph.weight(name, {1, 2}, DType::f32, layout));
  }
};

// Where a sum goes on, or starts from zero.
float* adding(Gradients& gradients, ValueId id, int group = 0) {
  EXPECT_FALSE(gradients.begin_adding(id, group, false));
  return gradients.buffer(id);
}

// A number whose place in a sum shows in the sum's last bits.
float telling(int group) {
  return std::ldexp(1.0f + 0.1f * static_cast<float>(group), (group * 7) % 11);
}

// The sum over the groups [begin, begin + size) as the design has it: two halves, of which an
// absent one is skipped.
std::optional<float> tree(const std::vector<bool>& present, int begin, int size) {
  if (size == 1) {
    const bool exists = begin < static_cast<int>(present.size()) && present[begin];
    return exists ? std::optional(telling(begin)) : std::nullopt;
  }
  const auto left = tree(present, begin, size / 2),
             right = tree(present, begin + size / 2, size / 2);
  if (left && right) return *left + *right;
  return left ? left : right;
}

void add_groups(Gradients& gradients, ValueId id, const std::vector<bool>& present) {
  for (int group = 0; group < static_cast<int>(present.size()); ++group)
    if (present[group]) adding(gradients, id, group)[0] += telling(group);
  gradients.finish();
}

RC_GTEST_PROP(GradientsTest, GroupsAddUpAsABinaryCounterDoesAndAbsentOnesAreSkipped, ()) {
  const auto present = *rc::gen::container<std::vector<bool>>(*rc::gen::inRange<size_t>(1, 17),
                                                              rc::gen::arbitrary<bool>());
  const auto expected = tree(present, 0, 16);
  RC_PRE(expected.has_value());
  const Model model;
  Gradients gradients(model.graph, pool);
  add_groups(gradients, model.plain, present);
  RC_ASSERT(std::bit_cast<uint32_t>(gradients.sum("plain")[0]) ==
            std::bit_cast<uint32_t>(*expected));
}

TEST(GradientsTest, TheOrderOfTheTestNumbersShows) {
  float from_the_left = 0;
  for (int group = 0; group < 8; ++group) from_the_left += telling(group);
  EXPECT_NE(from_the_left, *tree(std::vector<bool>(8, true), 0, 8));
}

TEST(GradientsTest, ThreeGroupsAreTheFirstTwoPlusTheThird) {
  const Model model;
  Gradients gradients(model.graph, pool);
  add_groups(gradients, model.plain, {true, true, true});
  EXPECT_EQ(gradients.sum("plain")[0], (telling(0) + telling(1)) + telling(2));
}

TEST(GradientsTest, AnAbsentGroupIsNotAddedAsZeros) {
  const Model model;
  Gradients gradients(model.graph, pool);
  adding(gradients, model.plain, 2)[0] = -0.0f;
  gradients.finish();
  EXPECT_TRUE(std::signbit(gradients.sum("plain")[0]));
}

TEST(GradientsTest, PacksOfAGroupAddOntoEachOtherFromZero) {
  const Model model;
  Gradients gradients(model.graph, pool);
  EXPECT_EQ(adding(gradients, model.plain)[1], 0);
  adding(gradients, model.plain)[1] += 3;
  adding(gradients, model.plain)[1] += 4;
  EXPECT_EQ(adding(gradients, model.plain, 1)[1], 0);
  gradients.finish();
  EXPECT_EQ(gradients.sum("plain")[1], 7);
}

TEST(GradientsTest, ATiedWeightIsOneWeightWithBothParts) {
  const Model model;
  Gradients gradients(model.graph, pool);
  EXPECT_EQ(gradients.weight_names(), (std::vector<std::string>{"plain", "tied"}));
  for (int group : {0, 1}) {
    adding(gradients, model.head, group)[0] = telling(group);
    adding(gradients, model.table, group)[0] = telling(group + 3);
  }
  gradients.finish();
  EXPECT_EQ(gradients.sum("tied")[0], (telling(0) + telling(1)) + (telling(3) + telling(4)));
}

TEST(GradientsTest, TheOtherStagesPartIsAddedOnce) {
  const Model model;
  Gradients gradients(model.graph, pool);
  adding(gradients, model.plain)[0] = 5;
  gradients.finish();
  const std::vector<float> other = {2, 1};
  gradients.add("plain", other);
  EXPECT_EQ(gradients.sum("plain")[0], 7);
  EXPECT_EQ(gradients.sum("plain")[1], 1);
  EXPECT_THROW(gradients.add("plain", std::span(other).first(1)), Error);
}

TEST(GradientsTest, TheNextBatchStartsFromNothing) {
  const Model model;
  Gradients gradients(model.graph, pool);
  add_groups(gradients, model.plain, {true, false, true, true, false, true});
  gradients.clear();
  add_groups(gradients, model.plain, {true, true});
  EXPECT_EQ(gradients.sum("plain")[0], telling(0) + telling(1));
}

TEST(GradientsTest, OnlyTheFirstOfAGroupMayWriteInsteadOfAdding) {
  const Model model;
  Gradients gradients(model.graph, pool);
  for (int batch = 0; batch < 2; ++batch) {
    for (int group : {0, 1}) {
      EXPECT_TRUE(gradients.begin_adding(model.plain, group, true));
      std::fill_n(gradients.buffer(model.plain), 2, telling(group));
      EXPECT_FALSE(gradients.begin_adding(model.plain, group, true));
    }
    gradients.finish();
    EXPECT_EQ(gradients.sum("plain")[0], telling(0) + telling(1));
    EXPECT_EQ(gradients.sum("tied")[0], 0);  // to which nothing was added
    gradients.clear();
  }
}

TEST(GradientsTest, GroupsComeInAscendingOrderForEachWeightAtItsOwnTime) {
  const Model model;
  Gradients gradients(model.graph, pool);
  adding(gradients, model.plain, 1)[0] = telling(1);
  adding(gradients, model.plain, 3)[0] = telling(3);
  adding(gradients, model.head, 1)[0] = telling(1);
  EXPECT_THROW(gradients.begin_adding(model.plain, 2, false), Error);
  adding(gradients, model.head, 3)[0] = telling(3);
  gradients.finish();
  EXPECT_EQ(gradients.sum("plain")[0], telling(1) + telling(3));
  EXPECT_EQ(gradients.sum("tied")[0], telling(1) + telling(3));
}

// A tied weight of kRows rows of two elements.
constexpr int kRows = 7;

struct TiedModel {
  Graph graph;
  ValueId table, head;

  TiedModel() {
    table = gradient_of(WeightLayout::table);
    head = gradient_of(WeightLayout::matmul);
  }
  ValueId gradient_of(WeightLayout layout) {
    return graph.weight_gradient(graph.weight("tied", {kRows, 2}, DType::f32, layout));
  }
};

// By group: the packs, by pack: the rows that its tokens name.
using Batch = std::vector<std::vector<std::vector<int32_t>>>;

Batch arbitrary_batch() {
  const auto row = rc::gen::inRange<int32_t>(0, kRows);
  const auto packs = rc::gen::container<std::vector<std::vector<int32_t>>>(
      rc::gen::container<std::vector<int32_t>>(row));
  return *rc::gen::nonEmpty(rc::gen::container<Batch>(packs));
}

enum class Told { rows, nothing };

std::vector<uint32_t> sum_of(Gradients& gradients, const TiedModel& model, const Batch& batch,
                             Told told) {
  for (int group = 0; group < static_cast<int>(batch.size()); ++group) {
    for (const auto& rows : batch[group]) {
      adding(gradients, model.head, group)[group % (2 * kRows)] += telling(group);
      if (told == Told::rows) gradients.begin_adding(model.table, group, false, rows);
      float* table = told == Told::rows ? gradients.buffer(model.table)
                                        : adding(gradients, model.table, group);
      for (int32_t row : rows) table[2 * row + 1] += telling(group + row);
    }
  }
  gradients.finish();
  std::vector<uint32_t> bits;
  for (float value : gradients.sum("tied")) bits.push_back(std::bit_cast<uint32_t>(value));
  gradients.clear();
  return bits;
}

RC_GTEST_PROP(GradientsTest, WhoeverTellsWhichRowsItTouchesGetsTheBitsOfAllRows, ()) {
  const TiedModel model;
  Gradients used(model.graph, pool);
  for (int step = 0; step < 3; ++step) {
    const Batch batch = arbitrary_batch();
    Gradients fresh(model.graph, pool);
    const auto expected = sum_of(fresh, model, batch, Told::nothing);
    RC_ASSERT(sum_of(used, model, batch, step == 1 ? Told::nothing : Told::rows) == expected);
  }
}

TEST(GradientsTest, RowsThatNoTokenNamesAreNotVisited) {
  const TiedModel model;
  Gradients gradients(model.graph, pool);
  for (int i : {2, 4}) adding(gradients, model.head)[i] = -0.0f;
  gradients.begin_adding(model.table, 0, false, std::vector<int32_t>{1});
  gradients.finish();
  EXPECT_FALSE(std::signbit(gradients.sum("tied")[2]));  // -0.0 + 0.0
  EXPECT_TRUE(std::signbit(gradients.sum("tied")[4]));
}

TEST(GradientsTest, ARowBeyondTheTableIsRefused) {
  const TiedModel model;
  Gradients gradients(model.graph, pool);
  EXPECT_THROW(gradients.begin_adding(model.table, 0, false, std::vector<int32_t>{kRows}), Error);
}

TEST(GradientsTest, AnotherStagesPartReachesEveryRowAndIsForgottenAfterwards) {
  Graph graph;
  const ValueId table =
      graph.weight_gradient(graph.weight("tied", {kRows, 2}, DType::f32, WeightLayout::table));
  Gradients first_stage(graph, pool);
  first_stage.begin_adding(table, 0, false, std::vector<int32_t>{1});
  first_stage.finish();
  first_stage.add("tied", std::vector<float>(2 * kRows, 3));
  for (float value : first_stage.sum("tied")) EXPECT_EQ(value, 3);
  first_stage.clear();
  for (float value : first_stage.sum("tied")) EXPECT_EQ(value, 0);
}

}  // namespace
}  // namespace troupe
