// The f32 gradients of a model part over one global batch, summed in the one order (design.md
// section 6): packs add onto one buffer inside a group; groups combine by a binary counter; a tied
// weight's parts are added last, the head's before the embedding's.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "devices/cpu/buffer.h"
#include "graph/graph.h"

namespace troupe {

class Gradients {
 public:
  explicit Gradients(const Graph& graph);

  // Where backward ops add. Valid until finish(), whatever groups end before.
  float* buffer(ValueId weight_gradient);
  // All packs of this group have been added. Groups end in ascending order; one without packs does
  // not end at all.
  void end_group(int group);
  // Sums what is left. After it, sum() gives each weight's gradient.
  void finish();
  // Each weight's gradient; of a tied weight of which this part of the model has both uses, the
  // sum of both.
  std::span<float> sum(const std::string& weight_name);
  // Adds the other use of a tied weight, which another pipeline stage has. (Two addends: their
  // order makes no difference.)
  void add(const std::string& weight_name, std::span<const float> other_part);
  std::vector<std::string> weight_names() const;
  // Forgets everything, for the next batch.
  void clear();

 private:
  // One use of one weight. trees[k] holds a finished subtree of 2^k groups, if has_tree[k].
  struct Part {
    std::string weight_name;
    int64_t size = 0;
    bool is_head = false;
    Buffer current;  // stays in its place: runs that are in flight hold its address
    Buffer spare;
    std::vector<Buffer> trees;
    std::vector<bool> has_tree;
  };
  static void add_onto(float* to, const float* from, int64_t size);
  static void count(Part& part, int group, Buffer& sum, bool has_sum);
  void finish(Part& part);
  Part& primary(const std::string& weight_name);

  std::map<ValueId, Part> parts_;
  int next_group_ = 0;
};

}  // namespace troupe
