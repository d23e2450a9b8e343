// Reverse-mode differentiation of a graph: appends the backward pass that the ops' own gradient
// functions describe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace troupe {

// What the backward pass computes again instead of reading what the forward pass kept: nothing; the
// attention with its queries, keys and values, from the attention's input (selective recomputation:
// Korthikanti et al., arXiv 2205.05198, which keeps the three); or all of a layer but its input. It
// changes memory and time, and no bit.
enum class Recompute { none, attention, layer };
std::string_view name_of(Recompute recompute);

// Ends the forward pass of `graph` and appends its backward pass.
//
// For each output in `differentiated` the graph gains an input "gradient_of/<output>" of the
// output's shape and dtype, from which gradients flow. Every weight gains a gradient value. If
// `hidden_input` names an input, the gradient that reaches it becomes the output
// "gradient_of/<hidden_input>".
//
// With `differentiated` empty, gradients flow from the last node, whose op asks for the loss itself
// (OpDef::loss_gradient).
void append_backward(Graph& graph, const std::vector<std::string>& differentiated,
                     const std::string& hidden_input = "", Recompute recompute = Recompute::none);

}  // namespace troupe
