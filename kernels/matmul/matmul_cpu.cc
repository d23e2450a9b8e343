#include <array>

#include "base/error.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/product.h"

namespace troupe {
namespace {

void check_slices(int64_t size, int num_slices, DType dtype) {
  CHECK(num_slices >= 1 && num_slices <= kMaxSlices, num_slices);
  CHECK(size % num_slices == 0, size, num_slices);
  CHECK(dtype == DType::f32 || num_slices == 1 || size / num_slices % 2 == 0, size, num_slices,
        name_of(dtype));
}

void check_result(const Tensor& result) {
  CHECK(result.dtype == DType::f32 || result.dtype == DType::bf16, name_of(result.dtype));
}

void multiply(std::span<const Contraction> contractions, DType dtype, const Tensor& result,
              int num_slices, ThreadPool& pool) {
  const Product product = {contractions, result.rows(), result.columns(),
                           num_slices,   result.data,   result.dtype == DType::bf16};
  dtype == DType::f32 ? multiply<float>(product, pool) : multiply<Bf16>(product, pool);
}

}  // namespace

void matmul(const Tensor& x, const PackedWeight& w, const Tensor& y, int num_slices,
            ThreadPool& pool) {
  CHECK(x.rows() == y.rows() && x.columns() == w.k() && y.columns() == w.n(), to_string(x.shape),
        to_string(y.shape), w.n(), w.k());
  check_slices(w.k(), num_slices, w.dtype());
  check_result(y);
  const Contraction contraction = {left_operand(x, w.dtype()), &w.forward()};
  multiply({&contraction, 1}, w.dtype(), y, num_slices, pool);
}

void matmul_input_gradient(std::span<const Tensor> dys, std::span<const PackedWeight* const> ws,
                           const Tensor& dx, int num_slices, ThreadPool& pool) {
  CHECK(!dys.empty() && dys.size() == ws.size() && dys.size() <= kMaxParts, dys.size(), ws.size());
  check_result(dx);
  const DType dtype = ws[0]->dtype();
  std::array<Contraction, kMaxParts> contractions;
  for (size_t part = 0; part < dys.size(); ++part) {
    const Tensor& dy = dys[part];
    const PackedWeight& w = *ws[part];
    CHECK(dy.rows() == dx.rows() && dy.columns() == w.n() && dx.columns() == w.k(), part,
          to_string(dy.shape), to_string(dx.shape), w.n(), w.k());
    CHECK(w.dtype() == dtype, part, name_of(w.dtype()), name_of(dtype));
    check_slices(w.n(), num_slices, dtype);
    contractions[part] = {left_operand(dy, dtype, static_cast<int>(part)), &w.transposed(pool)};
  }
  multiply(std::span(contractions).first(dys.size()), dtype, dx, num_slices, pool);
}

}  // namespace troupe
