// What a step of training costs on paper: time and memory of the busiest device, for one layout of
// one model, by closed formulas. A built program's own bytes are forecast_memory()'s.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "graph/autodiff.h"
#include "graph/models/llama_config.h"
#include "graph/parallel/hardware.h"
#include "graph/parallel/mesh.h"
#include "graph/parallel/weight_shards.h"

namespace troupe {

// What is to be trained in a step.
struct TrainingWork {
  LlamaConfig model;
  DType dtype = DType::bf16;
  int64_t batch_tokens = 0;     // of a global batch
  int64_t pack_tokens = 0;      // of a micro-batch
  int64_t sequence_length = 0;  // of its sequences, on average
  int tensor_slices = 1, data_slices = 8;
};

struct PlanChoice {
  Mesh mesh;
  std::string schedule = "1f1b";
  int num_chunks = 1;
  bool sequence = false;
  Zero zero = Zero::none;
  Recompute recompute = Recompute::none;
};
std::string to_string(const PlanChoice& choice);

struct PlanBytes {
  double weights = 0, gradients = 0, optimizer = 0, activations = 0, communication = 0;
  double total() const { return weights + gradients + optimizer + activations + communication; }
};

struct PlanCost {
  double step_seconds = 0;
  double bubble = 0;           // share of the pipeline's time in which a rank idles
  double forward_seconds = 0;  // of a chunk of one micro-batch, with its collectives
  double tensor_seconds = 0;   // of a step: collectives between shards
  double data_seconds = 0;     // of a step: gradients, and ZeRO's weights
  double flops = 0;            // of a step, of all devices
  double sent_bytes = 0;       // of a step, by one device
  PlanBytes bytes;             // of the device that has most
};

// Parameters of a decoder layer, of an embedding or head, and FLOPs of a token's forward pass
// through a layer (a multiplication and an addition are two) and through the head.
double layer_parameters(const LlamaConfig& model);
double vocabulary_parameters(const LlamaConfig& model);
double layer_flops(const LlamaConfig& model, int64_t sequence_length);
double head_flops(const LlamaConfig& model);
// The share of a layer's forward FLOPs that the backward pass repeats.
double recomputed_share(const LlamaConfig& model, int64_t sequence_length, Recompute recompute);
// Bytes that a layer keeps of a token between forward and backward, on each of `tensor` shards.
double layer_activation_bytes(const LlamaConfig& model, DType dtype, int tensor, bool sequence,
                              Recompute recompute);
// Bytes that a device sends for an all-reduce of `bytes` between `ranks`, each of which adds up a
// share and hands it out; half of them are a reduce_scatter or an all_gather.
double all_reduce_bytes(double bytes, int ranks);

PlanCost cost_of(const TrainingWork& work, const Hardware& hardware, const PlanChoice& choice);

}  // namespace troupe
