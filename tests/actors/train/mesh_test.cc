// The same training on every layout: one hash of weights and optimizer state.
#include <algorithm>
#include <tuple>

#include "tests/actors/train/mesh_run.h"
#include "tests/pairwise.h"

namespace troupe {
namespace {

constexpr int kSteps = 10;
const char* const kScheduleNames[] = {"gpipe", "1f1b", "interleaved", "zb-h1", "zbv"};

std::string hash_of(const MeshLayout& layout) {
  MeshRun run(layout);
  for (int step = 0; step < kSteps; ++step) EXPECT_LT(run.step(step), 1) << to_string(layout);
  return run.hash();
}

// pipeline, data, tensor, zero, sequence, recompute, schedule
const std::vector<int> kSizes = {3, 3, 3, 4, 2, 3, 5};

MeshLayout layout_of(const Combination& choice, DType dtype) {
  MeshLayout layout;
  layout.mesh = {1 << choice[0], 1 << choice[1], 1 << choice[2]};
  layout.zero = static_cast<Zero>(choice[3]);
  layout.sequence = choice[4] == 1;
  layout.recompute = static_cast<Recompute>(choice[5]);
  layout.schedule = kScheduleNames[choice[6]];
  layout.dtype = dtype;
  return layout;
}

// What one data rank cannot share, or one shard; and two chunks a rank need two layers at least.
bool may_be(const Combination& choice) {
  const MeshLayout layout = layout_of(choice, DType::f32);
  if (layout.zero != Zero::none && layout.mesh.data == 1) return false;
  return !layout.sequence || layout.mesh.tensor > 1;
}

class MeshTest : public testing::TestWithParam<DType> {};

TEST_P(MeshTest, EveryPairOfSettingsGivesTheHashOfOneRank) {
  const auto cover = pairwise_cover(kSizes, may_be);
  EXPECT_GE(cover.size(), 20u);  // of each dtype
  const std::string one = hash_of({.dtype = GetParam()});
  for (const auto& choice : cover) {
    const MeshLayout layout = layout_of(choice, GetParam());
    EXPECT_EQ(hash_of(layout), one) << to_string(layout);
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, MeshTest, testing::Values(DType::f32, DType::bf16));

// dtype; then pipeline, data and tensor as in a Combination
class AllLayoutsTest : public testing::TestWithParam<std::tuple<DType, int, int, int>> {
 protected:
  static std::vector<MeshLayout> layouts() {
    const auto [dtype, pipeline, data, tensor] = GetParam();
    std::vector<MeshLayout> layouts;
    for (int zero = 0; zero < kSizes[3]; ++zero)
      for (int sequence = 0; sequence < kSizes[4]; ++sequence)
        for (int recompute = 0; recompute < kSizes[5]; ++recompute)
          for (int schedule = 0; schedule < kSizes[6]; ++schedule) {
            const Combination choice = {pipeline, data,      tensor,  zero,
                                        sequence, recompute, schedule};
            if (may_be(choice)) layouts.push_back(layout_of(choice, dtype));
          }
    return layouts;
  }
};

// tools/test.sh --slow runs it.
TEST_P(AllLayoutsTest, DISABLED_EveryLayoutOfAMeshGivesTheHashOfOneRank) {
  const std::string one = hash_of({.dtype = std::get<0>(GetParam())});
  for (const auto& layout : layouts()) EXPECT_EQ(hash_of(layout), one) << to_string(layout);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, AllLayoutsTest,
                         testing::Combine(testing::Values(DType::f32, DType::bf16),
                                          testing::Range(0, 3), testing::Range(0, 3),
                                          testing::Range(0, 3)));

// Adds as (0 + 2) + (1 + 3) instead of (0 + 1) + (2 + 3).
class SwappedAdditions final : public Communicator {
 public:
  explicit SwappedAdditions(SharedMemoryGroupOptions options) : group_(options) {
    options.name += "-swapped";
    if (options.rank == 1 || options.rank == 2) options.rank = 3 - options.rank;
    swapped_ = std::make_unique<SharedMemoryGroup>(std::move(options));
  }
  const std::string& group() const override { return group_.group(); }
  int rank() const override { return group_.rank(); }
  int size() const override { return group_.size(); }
  bool all_reduce(std::span<float> values, Presence presence) override {
    return swapped_->all_reduce(values, presence);
  }
  bool all_reduce(std::span<double> values, Presence presence) override {
    return group_.all_reduce(values, presence);
  }
  bool reduce_scatter(std::span<const float> values, std::span<const int64_t> borders,
                      std::span<float> own, Presence presence) override {
    return group_.reduce_scatter(values, borders, own, presence);
  }
  void all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                  std::span<std::byte> all) override {
    group_.all_gather(own, borders, all);
  }
  void all_to_all(std::span<const std::byte> to, std::span<std::byte> from) override {
    group_.all_to_all(to, from);
  }
  void broadcast(std::span<std::byte> values, int root) override { group_.broadcast(values, root); }
  void barrier() override { group_.barrier(); }
  int64_t bytes_sent() const override { return group_.bytes_sent(); }

 private:
  SharedMemoryGroup group_;
  std::unique_ptr<SharedMemoryGroup> swapped_;
};

TEST(MeshOrderTest, SwappingTwoAdditionsOfShardsOrOfDataRanksChangesTheHash) {
  const auto hash = [](const Mesh& mesh, const MeshRun::MakeGroup& make_group) {
    MeshRun run({.mesh = mesh}, make_group);
    run.step(0);
    return run.hash();
  };
  const auto swapped = [](SharedMemoryGroupOptions options) -> std::unique_ptr<Communicator> {
    return std::make_unique<SwappedAdditions>(std::move(options));
  };
  const std::string one = hash({}, nullptr);
  EXPECT_EQ(hash({.tensor = 4}, nullptr), one);
  EXPECT_NE(hash({.tensor = 4}, swapped), one);
  EXPECT_EQ(hash({.data = 4}, nullptr), one);
  EXPECT_NE(hash({.data = 4}, swapped), one);
}

TEST(PairwiseTest, EveryPairThatMayBeOccurs) {
  const auto rule = [](const Combination& one) { return !(one[0] == 1 && one[1] == 2); };
  const auto cover = pairwise_cover({2, 3, 4}, rule);
  EXPECT_LE(cover.size(), 14u);
  for (int a = 0; a < 3; ++a)
    for (int b = a + 1; b < 3; ++b)
      for (int x = 0; x < a + 2; ++x)
        for (int y = 0; y < b + 2; ++y) {
          const bool occurs = std::ranges::any_of(
              cover, [&](const Combination& one) { return one[a] == x && one[b] == y; });
          EXPECT_EQ(occurs, !(a == 0 && b == 1 && x == 1 && y == 2)) << a << b << x << y;
        }
}

}  // namespace
}  // namespace troupe
