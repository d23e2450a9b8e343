#include <algorithm>
#include <vector>

#include "kernels/elementwise/rope.h"
#include "kernels/loops.h"
#include "kernels/math.h"
#include "kernels/table_math.h"

namespace troupe {
namespace {

// Row p holds the cosines, then the sines of position p. Rows are made when first needed and kept:
// a decoding step asks for one more position than the step before.
struct RopeTable {
  std::vector<float> inverse_frequencies;
  std::vector<float> values;

  const float* row(int64_t position) const {
    return values.data() + position * 2 * static_cast<int64_t>(inverse_frequencies.size());
  }
  void extend(int64_t num_positions);
};

void RopeTable::extend(int64_t num_positions) {
  const int64_t half = static_cast<int64_t>(inverse_frequencies.size());
  const int64_t present = static_cast<int64_t>(values.size()) / (2 * half);
  if (num_positions <= present) return;
  values.resize(num_positions * 2 * half);
  for (int64_t position = present; position < num_positions; ++position) {
    float* cosines = values.data() + position * 2 * half;
    for (int64_t i = 0; i < half; ++i) {
      const auto angle = sine_cosine(static_cast<double>(position) * inverse_frequencies[i]);
      cosines[i] = static_cast<float>(angle.cosine);
      cosines[half + i] = static_cast<float>(angle.sine);
    }
  }
}

// One table per set of frequencies, and per thread, so that no lock is needed.
const RopeTable& rope_table(const std::vector<float>& inverse_frequencies, int64_t num_positions) {
  thread_local std::vector<RopeTable> tables;
  auto same = [&](const RopeTable& t) { return t.inverse_frequencies == inverse_frequencies; };
  auto table = std::find_if(tables.begin(), tables.end(), same);
  if (table == tables.end()) table = tables.insert(table, {inverse_frequencies, {}});
  table->extend(num_positions);
  return *table;
}

// (a, b) -> (a cos - b sin, b cos + a sin), or backwards.
template <class T>
void rotate(const T* x, T* y, int64_t half, const float* cosines, bool backwards) {
  for_vectors(0, half, [&](int64_t i, auto lanes) {
    const Vec a = load(x + i, lanes), b = load(x + half + i, lanes);
    const Vec cosine = load(cosines + i, lanes), positive = load(cosines + half + i, lanes);
    const Vec sine = backwards ? sub(zero(), positive) : positive;
    store(y + i, fnma(b, sine, mul(a, cosine)), lanes);
    store(y + half + i, fma(a, sine, mul(b, cosine)), lanes);
  });
}

void rotate_all(const KernelArgs& args, bool backwards) {
  const auto &x = args.inputs[0], &y = args.outputs[0];
  const auto& positions = args.context.pack->positions;
  const int64_t head_dim = args.attributes.head_dim, heads = args.attributes.num_attention_heads;
  const auto& frequencies = *args.attributes.inverse_frequencies;
  CHECK(x.columns() == heads * head_dim, x.columns(), heads, head_dim);
  CHECK(2 * static_cast<int64_t>(frequencies.size()) == head_dim, frequencies.size(), head_dim);
  CHECK(static_cast<int64_t>(positions.size()) == x.rows(), positions.size(), x.rows());
  if (positions.empty()) return;
  const auto [least, most] = std::minmax_element(positions.begin(), positions.end());
  CHECK(*least >= 0 && *most < 1'000'000, *least, *most);
  const RopeTable& table = rope_table(frequencies, int64_t{*most} + 1);
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), x.columns(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * heads; row < end * heads; ++row)
        rotate(x.as<T>() + row * head_dim, y.as<T>() + row * head_dim, head_dim / 2,
               table.row(positions[row / heads]), backwards);
    });
  });
}

}  // namespace

void rope_cpu(const KernelArgs& args) {
  rotate_all(args, false);
}
void rope_gradient_cpu(const KernelArgs& args) {
  rotate_all(args, true);
}

}  // namespace troupe
