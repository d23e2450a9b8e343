// What the forward and the backward kernel read from their arguments: sizes, checked, and where
// each sequence of the pack lies.
#pragma once

#include <numbers>
#include <vector>

#include "kernels/attention/key_value_cache.h"
#include "kernels/kernel_args.h"

namespace troupe {

struct AttentionGeometry {
  int heads, kv_heads, group, head_dim;
  int64_t padded;  // head_dim in whole vectors
  float scale;     // 1 / sqrt(head_dim)

  explicit AttentionGeometry(const Attributes& attributes);
  float log2_scale() const { return scale * std::numbers::log2e_v<float>; }
  int64_t q_stride() const { return int64_t{heads} * head_dim; }
  int64_t kv_stride() const { return int64_t{kv_heads} * head_dim; }
};

// Tokens [begin, begin + num_tokens) of the pack, at positions from first_position on.
struct AttentionSequence {
  int64_t begin, num_tokens, first_position;

  int64_t end_position() const { return first_position + num_tokens; }
};

// Throws unless positions count up by one within each sequence, and start at 0 without a cache.
std::vector<AttentionSequence> attention_sequences(const KernelContext& context);

inline int64_t num_key_blocks(int64_t num_positions) {
  return (num_positions + kKeyBlock - 1) / kKeyBlock;
}

}  // namespace troupe
