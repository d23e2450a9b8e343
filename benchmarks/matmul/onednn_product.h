// y = a b in oneDNN, with b in the layout that it likes best, unless told to take it as it is.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "benchmarks/matmul/matrix.h"

namespace troupe {

class OnednnProduct {
 public:
  using Tag = dnnl::memory::format_tag;  // ab: row-major, ba: transposed

  // `k` is the contracted size. b is copied into so many packed weights, which can take turns.
  OnednnProduct(const Matrix& a, Tag a_tag, const Matrix& b, Tag b_tag, const Matrix& y, int64_t k,
                int copies, bool reorder);
  void run(int copy);

 private:
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
};

}  // namespace troupe
