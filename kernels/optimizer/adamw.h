// AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW computes it: decoupled weight decay,
// both moments corrected for their bias. One pass over weights, gradient and moments; whoever has
// more to do with the new weights does it part by part, while they are in a cache.
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

struct AdamwOptions {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.01f;
};

// A weight and what belongs to it; all four have one length.
struct AdamwTensors {
  std::span<float> weights;
  std::span<const float> gradient;
  std::span<float> moment1, moment2;
};

// Updates elements [begin, end) of weights and moments in place. `step` counts from 1; gradients
// are multiplied by `gradient_scale` first (clipping). Each element depends on itself alone, so
// how a weight is cut changes no bit.
void adamw(const AdamwTensors& tensors, const AdamwOptions& options, int64_t step,
           float gradient_scale, int64_t begin, int64_t end);

}  // namespace troupe
