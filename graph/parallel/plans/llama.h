// How Llama's weights lie over the tensor axis: heads and the FFN's columns are cut, what leads
// back into the residual stream is cut along its inputs, and the vocabulary is cut where that
// aligns.
#pragma once

#include "graph/parallel/weight_plan.h"

namespace troupe {

inline const FamilyPlan& llama_plan() {
  static const FamilyPlan plan = {
      {"*.q_proj.*", 0, SlicedBy::tensor},
      {"*.k_proj.*", 0, SlicedBy::tensor},
      {"*.v_proj.*", 0, SlicedBy::tensor},
      {"*.gate_proj.*", 0, SlicedBy::tensor},
      {"*.up_proj.*", 0, SlicedBy::tensor},
      {"*.o_proj.weight", 1, SlicedBy::tensor},
      {"*.down_proj.weight", 1, SlicedBy::tensor},
      {"model.embed_tokens.weight", 0, SlicedBy::vocabulary},
      {"lm_head.weight", 0, SlicedBy::vocabulary},
  };
  return plan;
}

}  // namespace troupe
