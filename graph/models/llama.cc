#include "graph/models/llama.h"

#include "base/error.h"
#include "graph/layers/layers.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/loss/value_head.h"
#include "kernels/matmul/linear.h"

namespace troupe {
namespace {

void add_head(Graph& graph, ValueId hidden, const LlamaConfig& config,
              const ModelOptions& options) {
  if (options.head == Head::value) {
    const ValueId weight =
        graph.weight("score.weight", {1, config.hidden_size}, DType::f32, WeightLayout::plain);
    return graph.set_output("values", graph.apply_one(value_head, {hidden, weight}));
  }
  const char* name = config.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  const ValueId weight = graph.weight(name, {config.vocab_size, config.hidden_size}, options.dtype,
                                      WeightLayout::matmul);
  if (options.head == Head::logits)
    return graph.set_output("logits", graph.apply_one(linear_f32, {hidden, weight}));
  const ValueId targets = graph.input("targets", {kTokens}, DType::i32);
  auto outputs =
      graph.apply(head_log_prob, {hidden, weight, targets}, {.temperature = options.temperature});
  graph.set_output("log_prob", outputs[0]);
  graph.set_output("entropy", outputs[1]);
}

}  // namespace

int default_slices(const LlamaConfig& config) {
  int best = 1;
  for (int slices = 2; slices <= 8; ++slices)
    if (config.num_key_value_heads % slices == 0 && config.intermediate_size % (2 * slices) == 0)
      best = slices;
  return best;
}

Graph llama(const LlamaConfig& config, const ModelOptions& options) {
  const int slices = options.tensor_slices > 0 ? options.tensor_slices : default_slices(config);
  CHECK(config.num_key_value_heads % slices == 0, config.num_key_value_heads, slices);
  CHECK(config.intermediate_size % (2 * slices) == 0, config.intermediate_size, slices);
  AttentionShape attention = {config.num_attention_heads,
                              config.num_key_value_heads,
                              config.head_dim,
                              config.attention_bias,
                              slices,
                              0,
                              config.inverse_frequencies};
  const MlpShape mlp = {config.intermediate_size, config.mlp_bias, slices};
  Graph graph;
  ValueId x = embedding_layer(graph, "model.embed_tokens.weight", config.vocab_size,
                              config.hidden_size, options.dtype);
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    graph.set_block(layer);
    attention.layer = layer;
    ValueId y = rms_norm_layer(graph, x, prefix + "input_layernorm.weight", config.rms_norm_eps);
    x = residual(graph, x, attention_layer(graph, y, prefix + "self_attn.", attention));
    y = rms_norm_layer(graph, x, prefix + "post_attention_layernorm.weight", config.rms_norm_eps);
    x = residual(graph, x, mlp_layer(graph, y, prefix + "mlp.", mlp));
  }
  graph.set_block(config.num_hidden_layers);
  x = rms_norm_layer(graph, x, "model.norm.weight", config.rms_norm_eps);
  add_head(graph, x, config, options);
  return graph;
}

}  // namespace troupe
