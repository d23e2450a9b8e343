// What models are made of. A layer adds its ops to the graph under HF's weight names; `prefix` ends
// in a dot ("model.layers.0.self_attn.").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace troupe {

struct AttentionShape {
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  bool has_bias = false;
  int num_slices = 1;  // of o_proj's contraction and of the input gradient of q, k, v
  int layer = 0;
  std::shared_ptr<const std::vector<float>> inverse_frequencies;
};

struct MlpShape {
  int64_t intermediate_size = 0;
  bool has_bias = false;
  int num_slices = 1;  // of down_proj's contraction and of the input gradient of gate, up
};

// ids of the pack -> [tokens, hidden]
ValueId embedding_layer(Graph& graph, const std::string& weight_name, int64_t vocab_size,
                        int64_t hidden_size, DType dtype);
// Every layer below: [tokens, hidden] -> [tokens, hidden]
ValueId rms_norm_layer(Graph& graph, ValueId x, const std::string& weight_name, float epsilon);
ValueId attention_layer(Graph& graph, ValueId x, const std::string& prefix,
                        const AttentionShape& shape);
ValueId mlp_layer(Graph& graph, ValueId x, const std::string& prefix, const MlpShape& shape);
ValueId residual(Graph& graph, ValueId x, ValueId branch);

}  // namespace troupe
