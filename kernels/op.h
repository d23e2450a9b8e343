// An op is declared once, here: its axes (which give the shape rule and later the sharding rule),
// its kernel on each device, and its gradient.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/shape.h"

namespace troupe {

struct KernelArgs;      // kernels/kernel_args.h
class GradientBuilder;  // below
using Kernel = void (*)(const KernelArgs&);
using Gradient = void (*)(GradientBuilder&);

// The size of a dim that is a pack's number of tokens: known when a pack is there.
inline constexpr int64_t kTokens = -1;
// The same where each shard of a group has its part of the tokens (shard_border()).
inline constexpr int64_t kTokenShard = -2;

// Where part `shard` of `num_shards` of `tokens` begins. Where 8 is a multiple of num_shards, a
// part is whole eighths, as gradients of norms and biases are summed by.
constexpr int64_t shard_border(int64_t tokens, int shard, int num_shards) {
  return tokens * shard / num_shards;
}

// What an op is told beside its tensors. Each op's header says which fields it reads.
struct Attributes {
  float epsilon = 0;
  float temperature = 1;  // logits are divided by it
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int layer = -1;                 // whose keys and values, in a cache
  int num_slices = 1;             // of a contracted dim, summed as a tree
  int shard = 0, num_shards = 1;  // which part of a sharded dim is here
  float soft_cap = 0;  // attention: scores become soft_cap * tanh(score / soft_cap); 0: as they are
  std::shared_ptr<const std::vector<float>> alibi_slopes;  // attention: [num_attention_heads]
  std::shared_ptr<const std::vector<float>> inverse_frequencies;  // rope: [head_dim / 2]
};

using ShapeRule = std::vector<Shape> (*)(const Attributes&, std::span<const Shape> inputs);

// Whether a kernel calls the group of shards that compute a program together: all shards then run
// it at the same place among such kernels.
enum class GroupCalls : uint8_t { none, some, only };

struct OpDef {
  std::string_view name;
  // One letter per dim, "tc, dc -> td"; several outputs: "... -> tc, t". The same letter means the
  // same size and the same sharding; a letter missing on the right is summed over.
  std::string_view axes;
  // Letters that a kernel must see whole on every device.
  std::string_view whole = "";
  // One letter per output: '=' has the first input's dtype, 'f' is f32.
  std::string_view dtypes = "=";
  // Sums over tokens as a tree over eight ranges, so that a part of the tokens gives an addend.
  bool adds_token_ranges = false;
  bool starts_sums = false;  // a weight's gradient may be given that holds nothing yet
  // Where it is sharded; only: it does nothing else, and may go on beside other kernels.
  GroupCalls group_calls = GroupCalls::none;
  ShapeRule shapes = nullptr;  // instead of axes, for irregular ops
  Gradient gradient = nullptr;
  // Of an op at a model's end: its gradient where the loss is asked for in the same visit
  // (KernelContext::token_loss), so that nothing flows back into its outputs.
  Gradient loss_gradient = nullptr;
  Kernel cpu = nullptr;
  Kernel cuda = nullptr;
};

// The outputs' shapes; throws an Error naming the op when the inputs disagree.
std::vector<Shape> infer_shapes(const OpDef& op, const Attributes& attributes,
                                std::span<const Shape> inputs);

// A value of the graph that is being differentiated.
using Symbol = int32_t;
inline constexpr Symbol kNoSymbol = -1;

// What an op's gradient function is given: it builds the backward ops of one forward op.
class GradientBuilder {
 public:
  virtual ~GradientBuilder() = default;
  virtual const Attributes& attributes() const = 0;
  virtual int num_inputs() const = 0;
  virtual Symbol input(int index) const = 0;
  virtual Symbol output(int index) const = 0;
  // kNoSymbol where nothing flows back into that output.
  virtual Symbol output_gradient(int index) const = 0;
  // Whether anything upstream of this input wants its gradient.
  virtual bool wants_gradient(int index) const = 0;
  virtual std::vector<Symbol> apply(const OpDef& op, std::vector<Symbol> inputs,
                                    const Attributes& attributes) = 0;
  // An activation's gradient; several of one value are added in the order of the forward ops,
  // last first.
  virtual void set_input_gradient(int index, Symbol gradient) = 0;
  // A weight's gradient: the op's last output is the weight's f32 gradient buffer, which its kernel
  // adds onto. Returns the op's other outputs.
  virtual std::vector<Symbol> accumulate_weight_gradient(int index, const OpDef& op,
                                                         std::vector<Symbol> inputs,
                                                         const Attributes& attributes) = 0;
};

}  // namespace troupe
