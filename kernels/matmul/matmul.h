// Matrix products whose bits do not depend on the batch.
//
// Every output element is a sum over the contracted dimension in ascending order by one lane of one
// accumulator (bf16: by pairs). Tiling decides which elements are computed together, never the
// order inside one. Hence a row has the same bits computed alone (decode), among others (prefill,
// training), at any position, by any number of threads.
//
// m: rows (tokens)   n: output features   k: input features
// Tensors are row-major and contiguous. A left operand is of the weight's dtype; f32 is also taken
// where the weight is bf16, and rounded first. Results are f32 or bf16, rounded once at the end.
#pragma once

#include <span>

#include "base/repeated_rows.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/fused.h"
#include "kernels/matmul/packed_weight.h"

namespace troupe {

// y[m][n] = x[m][k] w^T. k is cut into num_slices equal slices (in [1, 255]; in bf16 each of an
// even size unless there is one), whose sums are added as a binary counter, leftovers folded
// smallest first: 3 slices are (0 + 1) + 2. Of rows of x that are as others, y's are copied, not
// computed again. A bias or a residual is added to y once that is rounded, and y rounded again.
// Throws when sizes disagree.
void matmul(const Tensor& x, const PackedWeight& w, const Tensor& y, int num_slices,
            ThreadPool& pool, const RepeatedRows* repeated = nullptr, const Fused& fused = {});

// ys[i] = x ws[i]^T, each as matmul() has it; threads share out the work of all together.
void matmul_group(const Tensor& x, std::span<const PackedWeight* const> ws,
                  std::span<const Tensor> ys, int num_slices, ThreadPool& pool,
                  const RepeatedRows* repeated = nullptr, const Fused& fused = {});

// Those of x, where it has all of its pack's rows and not only a shard's.
inline const RepeatedRows* repeated_in(const Tensor& x, const KernelContext& context) {
  const RepeatedRows* rows = context.repeated_rows;
  return rows && !rows->empty() && rows->num_rows() == x.rows() ? rows : nullptr;
}

// dx[m][k] = the sum over parts p of dys[p][m][n_p] ws[p]. One contraction: slice s adds part 0's
// slice s, then part 1's, and so on in one accumulator; then the tree over slices runs once.
void matmul_input_gradient(std::span<const Tensor> dys, std::span<const PackedWeight* const> ws,
                           const Tensor& dx, int num_slices, ThreadPool& pool);

// dw[n][k] += dy[m][n]^T x[m][k], token after token from dw's value. In f32 how tokens are cut into
// calls changes no bit; in bf16 it does not where cuts are multiples of kTokenStep (tokens go in
// such groups, and a call's last one is filled up with zeros).
inline constexpr int64_t kTokenStep = 32;
// Onto nothing: the same as onto zeros, without reading them.
enum class Onto { sum, nothing };
void matmul_weight_gradient(const Tensor& dy, const Tensor& x, float* dw, ThreadPool& pool,
                            Onto onto = Onto::sum);

// The scratch memory that this takes for m tokens; each part stays for later calls of the thread.
struct WeightGradientBytes {
  int64_t rows = 0, panels = 0;
};
WeightGradientBytes weight_gradient_bytes(int64_t m, int64_t n, int64_t k, DType dtype);

}  // namespace troupe
