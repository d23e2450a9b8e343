#include "kernels/attention/geometry.h"

#include <cmath>

namespace troupe {

AttentionGeometry::AttentionGeometry(const Attributes& attributes)
    : heads(attributes.num_attention_heads),
      kv_heads(attributes.num_key_value_heads),
      group(heads / kv_heads),
      head_dim(attributes.head_dim),
      padded(KeyValueLayout{head_dim}.value_stride()),
      scale(1 / std::sqrt(static_cast<float>(head_dim))),
      soft_cap(attributes.soft_cap),
      alibi_slopes(attributes.alibi_slopes ? attributes.alibi_slopes->data() : nullptr) {}

}  // namespace troupe
