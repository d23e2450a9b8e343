#include "kernels/attention/geometry.h"

#include <cmath>

#include "base/error.h"

namespace troupe {

AttentionGeometry::AttentionGeometry(const Attributes& attributes)
    : heads(attributes.num_attention_heads),
      kv_heads(attributes.num_key_value_heads),
      group(heads / kv_heads),
      head_dim(attributes.head_dim),
      padded(KeyValueLayout{head_dim}.value_stride()),
      scale(1 / std::sqrt(static_cast<float>(head_dim))) {}

std::vector<AttentionSequence> attention_sequences(const KernelContext& context) {
  CHECK(context.pack, context.pack);
  const Pack& pack = *context.pack;
  std::vector<AttentionSequence> sequences;
  sequences.reserve(pack.num_sequences());
  for (int64_t i = 0; i < pack.num_sequences(); ++i) {
    const int64_t begin = pack.sequence_starts[i], num_tokens = pack.sequence_starts[i + 1] - begin;
    CHECK(num_tokens > 0, i, num_tokens);
    const int64_t first = pack.positions[begin], last = pack.positions[begin + num_tokens - 1];
    CHECK(last - first == num_tokens - 1, i, first, last, num_tokens);
    CHECK(context.cache ? first >= 0 : first == 0, i, first);
    sequences.push_back({begin, num_tokens, first});
  }
  return sequences;
}

}  // namespace troupe
