#include "benchmarks/matmul/onednn_product.h"

namespace troupe {
namespace {

using dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type type_of(const Matrix& matrix) {
  return matrix.dtype == DType::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

}  // namespace

OnednnProduct::OnednnProduct(const Matrix& a, Tag a_tag, const Matrix& b, Tag b_tag,
                             const Matrix& y, int64_t k, int copies, bool reorder)
    : stream_(engine()) {
  const int64_t m = y.shape[0], n = y.shape[1];
  const memory::desc a_desc({m, k}, type_of(a), a_tag);
  const memory::desc b_desc({k, n}, type_of(b), reorder ? Tag::any : b_tag);
  const memory::desc y_desc({m, n}, type_of(y), Tag::ab);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a_desc, b_desc, y_desc), engine());
  matmul_ = dnnl::matmul(desc);
  memory plain({{k, n}, type_of(b), b_tag}, engine(), b.data.data());
  for (int i = 0; i < copies; ++i) {
    memory packed(desc.weights_desc(), engine());
    dnnl::reorder(plain, packed).execute(stream_, plain, packed);
    arguments_.push_back({{DNNL_ARG_SRC, memory(desc.src_desc(), engine(), a.data.data())},
                          {DNNL_ARG_WEIGHTS, packed},
                          {DNNL_ARG_DST, memory(desc.dst_desc(), engine(), y.data.data())}});
  }
  stream_.wait();
}

void OnednnProduct::run(int copy) {
  matmul_.execute(stream_, arguments_[copy]);
  stream_.wait();
}

}  // namespace troupe
