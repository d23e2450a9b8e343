#include <array>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/made_rows.h"
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

bool is_alike(const Tensor& a, const Tensor& b) {
  return a.shape == b.shape && a.dtype == b.dtype;
}

void check_result(const Tensor& result) {
  CHECK(result.dtype == DType::f32 || result.dtype == DType::bf16, name_of(result.dtype));
}

Product product_of(std::span<const Contraction> contractions, const Tensor& result,
                   int num_slices) {
  check_result(result);
  return {contractions, result.columns(), num_slices, result.data, result.dtype == DType::bf16};
}

void multiply(std::span<const Product> products, std::span<const RowRange> rows, DType dtype,
              ThreadPool& pool, const MakeRow& make_row = {}) {
  dtype == DType::f32 ? multiply<float>(products, rows, pool, make_row)
                      : multiply<Bf16>(products, rows, pool, make_row);
}

void copy_rows(const Tensor& tensor, std::span<const RowCopy> copies, ThreadPool& pool) {
  const auto row_bytes = tensor.columns() * static_cast<int64_t>(size_of(tensor.dtype));
  auto* rows = tensor.as<std::byte>();
  pool.parallel(std::ssize(copies), [&](int64_t begin, int64_t end, int) {
    for (const RowCopy& copy : copies.subspan(begin, end - begin))
      std::memcpy(rows + copy.begin * row_bytes, rows + copy.source * row_bytes,
                  static_cast<size_t>(copy.count * row_bytes));
  });
}

}  // namespace

void matmul(const Tensor& x, const PackedWeight& w, const Tensor& y, int num_slices,
            ThreadPool& pool, const RepeatedRows* repeated, const Fused& fused) {
  const PackedWeight* weight = &w;
  matmul_group(x, {&weight, 1}, {&y, 1}, num_slices, pool, repeated, fused);
}

void matmul_group(const Tensor& x, std::span<const PackedWeight* const> ws,
                  std::span<const Tensor> ys, int num_slices, ThreadPool& pool,
                  const RepeatedRows* repeated, const Fused& fused) {
  CHECK(!ws.empty() && ws.size() == ys.size() && ws.size() <= kMaxParts, ws.size(), ys.size());
  CHECK(fused.biases.empty() || fused.biases.size() == ws.size(), fused.biases.size(), ws.size());
  const DType dtype = ws[0]->dtype();
  CHECK(!fused.make_row || fills_words(x.columns(), dtype), x.columns(), name_of(dtype));
  const int64_t num_words = ws[0]->forward().num_words();
  const Left left =
      fused.make_row ? Left{nullptr, stride_of_made_rows(num_words)} : left_operand(x, dtype);
  std::array<Contraction, kMaxParts> contractions;
  std::array<Product, kMaxParts> products;
  for (size_t i = 0; i < ws.size(); ++i) {
    const PackedWeight& w = *ws[i];
    CHECK(x.rows() == ys[i].rows() && x.columns() == w.k() && ys[i].columns() == w.n(), i,
          to_string(x.shape), to_string(ys[i].shape), w.n(), w.k());
    CHECK(w.dtype() == dtype, i, name_of(w.dtype()), name_of(dtype));
    check_slices(w.k(), num_slices, dtype);
    contractions[i] = {left, &w.forward()};
    products[i] = product_of({&contractions[i], 1}, ys[i], num_slices);
    if (!fused.biases.empty()) products[i].bias = fused.biases[i];
  }
  if (fused.gated) {
    CHECK(ws.size() == 2 && is_alike(*fused.gated, ys[1]) && ys[0].dtype == ys[1].dtype, ws.size(),
          to_string(fused.gated->shape), name_of(fused.gated->dtype));
    products[1].gated = fused.gated->data;
  }
  if (fused.residual.data) {
    CHECK(ws.size() == 1 && is_alike(fused.residual, ys[0]), ws.size(),
          to_string(fused.residual.shape), name_of(fused.residual.dtype));
    products[0].residual = fused.residual.data;
  }
  const RowRange all = {0, x.rows()};
  const bool repeats = repeated && !repeated->empty();
  CHECK(!repeats || repeated->num_rows() == x.rows(), repeated->num_rows(), x.rows());
  multiply(std::span(products).first(ws.size()),
           repeats ? std::span(repeated->distinct) : std::span(&all, 1), dtype, pool,
           fused.make_row);
  if (!repeats) return;
  for (const Tensor& y : ys) copy_rows(y, repeated->copies, pool);
  if (fused.gated) copy_rows(*fused.gated, repeated->copies, pool);
}

void matmul_input_gradient(std::span<const Tensor> dys, std::span<const PackedWeight* const> ws,
                           const Tensor& dx, int num_slices, ThreadPool& pool) {
  CHECK(!dys.empty() && dys.size() == ws.size() && dys.size() <= kMaxParts, dys.size(), ws.size());
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
  const Product product = product_of(std::span(contractions).first(dys.size()), dx, num_slices);
  const RowRange all = {0, dx.rows()};
  multiply({&product, 1}, {&all, 1}, dtype, pool);
}

}  // namespace troupe
