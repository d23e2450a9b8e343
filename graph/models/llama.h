// Llama (arXiv 2302.13971; grouped-query attention as in Llama 2): LlamaForCausalLM and
// LlamaForSequenceClassification as a graph for one device.
#pragma once

#include "graph/graph.h"
#include "graph/models/llama_config.h"

namespace troupe {

// What is read off the last hidden state.
enum class Head : uint8_t {
  log_prob,  // input "targets" i32 [tokens] (-1: none) -> "log_prob", "entropy", f32 [tokens]
  logits,    // -> "logits", f32 [tokens, vocab]
  value,     // -> "values", f32 [tokens, 1], by the weight "score.weight" [1, hidden]
};

struct ModelOptions {
  DType dtype = DType::f32;  // of activations and matmul weights: f32 or bf16
  Head head = Head::log_prob;
  float temperature = 1;  // of the log_prob head
  int tensor_slices = 0;  // of long contractions, whose sums are a tree; 0: default_slices()
};

// Blocks (see graph/cut.h): the embedding and layer 0 are block 0, layer i is block i, the final
// norm and the head are block num_hidden_layers.
Graph llama(const LlamaConfig& config, const ModelOptions& options);

// The largest divisor of num_key_value_heads that is at most 8 and also divides the FFN into even
// parts.
int default_slices(const LlamaConfig& config);

}  // namespace troupe
