#include "kernels/ops.h"

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/collective/collective.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/gelu.h"
#include "kernels/elementwise/rope.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/embedding/embedding.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/loss/value_head.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/norm/add_rms_norm.h"
#include "kernels/norm/rms_norm.h"

namespace troupe {
namespace {

constexpr const OpDef* kOps[] = {
    &accumulate,
    &add_op,
    &add_bias,
    &add_rms_norm,
    &add_rms_norm_gradient,
    &all_gather,
    &all_reduce,
    &attention,
    &attention_gradient,
    &attention_sink_gradient,
    &bias_gradient,
    &columns_to_tokens,
    &embedding,
    &embedding_weight_gradient,
    &gather_columns,
    &gelu,
    &gelu_gradient,
    &gelu_tanh,
    &gelu_tanh_gradient,
    &head_log_prob,
    &head_log_prob_gradient,
    &head_log_prob_input_gradient,
    &head_loss_gradient,
    &head_loss_input_gradient,
    &linear,
    &linear_bias,
    &linear_f32,
    &linear_f32_input_gradient,
    &linear_group,
    &linear_group_bias,
    &linear_group_input_gradient,
    &linear_group_swiglu,
    &linear_input_gradient,
    &linear_residual,
    &linear_weight_gradient,
    &norm_linear_group,
    &norm_linear_group_swiglu,
    &reduce_scatter,
    &rms_norm,
    &rms_norm_gradient,
    &rms_norm_weight_gradient,
    &rope,
    &rope_gradient,
    &select_rows,
    &swiglu,
    &swiglu_gradient,
    &take_columns,
    &take_shard,
    &tokens_to_columns,
    &value_head,
    &value_head_input_gradient,
    &value_head_weight_gradient,
};

}  // namespace

std::span<const OpDef* const> all_ops() {
  return kOps;
}

const OpDef& op_named(std::string_view name) {
  for (const OpDef* op : kOps)
    if (op->name == name) return *op;
  throw Error("unknown op \"" + std::string(name) + "\"");
}

}  // namespace troupe
