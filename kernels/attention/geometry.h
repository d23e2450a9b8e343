// What the forward and the backward kernel read from their attributes.
#pragma once

#include <numbers>

#include "kernels/attention/key_value_cache.h"
#include "kernels/op.h"

namespace troupe {

struct AttentionGeometry {
  int heads, kv_heads, group, head_dim;
  int64_t padded;             // head_dim in whole vectors
  float scale;                // 1 / sqrt(head_dim)
  float soft_cap;             // 0: none
  const float* alibi_slopes;  // [heads], or null

  explicit AttentionGeometry(const Attributes& attributes);
  float log2_scale() const { return scale * std::numbers::log2e_v<float>; }
  int64_t q_stride() const { return int64_t{heads} * head_dim; }
  int64_t kv_stride() const { return int64_t{kv_heads} * head_dim; }
};

}  // namespace troupe
