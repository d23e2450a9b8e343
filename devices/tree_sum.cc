#include "devices/tree_sum.h"

#include <algorithm>

#include "base/counter_tree.h"
#include "base/error.h"

namespace troupe {
namespace {

constexpr int64_t kBlock = 512;

// `out` is a or b or apart from both, so no element waits for another. Every machine that troupe
// runs on has AVX2; the bits are those of one addition at a time.
template <class T>
[[gnu::target("avx2"), gnu::optimize("O3")]] void add(const T* a, const T* b, T* out,
                                                      int64_t count) {
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

}  // namespace

TreeSum::TreeSum(std::span<const Presence> ranks) : num_ranks_(static_cast<int>(ranks.size())) {
  CounterTree<int> tree;
  const auto sum = [this](int left, int right) {
    const int onto = left >= num_ranks_ ? left : num_ranks_ + num_between_++;
    additions_.push_back({left, right, onto});
    return onto;
  };
  for (int rank = 0; rank < num_ranks_; ++rank)
    if (ranks[static_cast<size_t>(rank)] == Presence::present)
      tree.add(rank, sum);
    else
      tree.skip(sum);
  if (!tree.is_empty()) total_ = tree.total(sum);
}

template <class T>
void TreeSum::apply(std::span<const T* const> addends, T* out, int64_t count) const {
  if (is_empty()) return;
  CHECK(std::ssize(addends) == num_ranks_, addends.size(), num_ranks_);
  const T* only = total_ < num_ranks_ ? addends[static_cast<size_t>(total_)] : nullptr;
  if (only != nullptr) {
    if (only != out) std::copy_n(only, count, out);
    return;
  }
  std::vector<T> between(static_cast<size_t>(num_between_ * kBlock));
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const auto place = [&](int value) { return between.data() + (value - num_ranks_) * kBlock; };
    const auto operand = [&](int value) -> const T* {
      return value < num_ranks_ ? addends[static_cast<size_t>(value)] + begin : place(value);
    };
    for (size_t i = 0; i < additions_.size(); ++i) {
      const auto& [left, right, onto] = additions_[i];
      T* sum = i + 1 == additions_.size() ? out + begin : place(onto);
      add(operand(left), operand(right), sum, std::min(kBlock, count - begin));
    }
  }
}

template void TreeSum::apply(std::span<const float* const>, float*, int64_t) const;
template void TreeSum::apply(std::span<const double* const>, double*, int64_t) const;

}  // namespace troupe
