// AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW computes it: decoupled weight decay,
// both moments corrected for their bias. One pass over weights, gradient and moments.
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

class ThreadPool;

struct AdamwOptions {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.01f;
};

// Updates weights and moments in place; all four have one length. `step` counts from 1; gradients
// are multiplied by `gradient_scale` first (clipping). Each element depends on itself alone, so
// neither threads nor the way that weights are cut change a bit.
void adamw(std::span<float> weights, std::span<const float> gradient, std::span<float> moment1,
           std::span<float> moment2, const AdamwOptions& options, int64_t step,
           float gradient_scale, ThreadPool& pool);

}  // namespace troupe
