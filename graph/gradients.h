// The f32 gradients of a model part over one global batch, summed in the one order (design.md
// section 6): packs add onto one buffer inside a group; groups combine by a binary counter; a tied
// weight's parts are added last, the head's before the embedding's. Of a table's gradient only rows
// that packs name are ever read or written.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/cpu/buffer.h"
#include "graph/graph.h"
#include "graph/touched_rows.h"

namespace troupe {

class ThreadPool;

class Gradients {
 public:
  Gradients(const Graph& graph, ThreadPool& pool);

  // Where backward ops add, after begin_adding(). Valid until finish(), whatever groups end before.
  float* buffer(ValueId weight_gradient);
  // Comes before each addition. Returns whether the buffer holds nothing yet, so that an op that
  // can starts the sum by writing it; for others it is zeroed, and the answer is no. `rows` are
  // those of a table to which something will be added: all, if not given.
  // Groups come in ascending order, for each weight at its own time; one without packs does not
  // come at all.
  bool begin_adding(ValueId weight_gradient, int group, bool can_start,
                    std::optional<std::span<const int32_t>> rows = std::nullopt);
  // All packs of all groups have been added. `reduce` adds what others that hold the same weight
  // have summed over later or earlier groups: it is called for each part of each weight, by name.
  // After it, sum() gives each weight's gradient.
  using Reduce = std::function<void(const std::string& weight_name, std::span<float> part)>;
  void finish(const Reduce& reduce = nullptr);
  // Each weight's gradient; of a tied weight of which this part of the model has both uses, the
  // sum of both. (Where the embedding touched no row, the head's part is the sum: its -0.0 does not
  // become the 0.0 that -0.0 + 0.0 is, which neither AdamW nor a norm can tell.)
  std::span<const float> sum(const std::string& weight_name);
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
    int64_t size = 0, columns = 0;
    bool is_head = false, is_table = false;
    TouchedRows touched;  // since clear(): of a table, all buffers below are zero elsewhere
    Buffer current;       // stays in its place until finish(): runs in flight hold its address
    int group = -1;       // whose sum `current` is; -1: none has come
    bool holds_nothing = true;  // nothing has been added to `current`: undefined where touched
    std::vector<Buffer> trees;
    std::vector<bool> has_tree;
    int next_group = 0;  // after those that have been counted
  };
  static Buffer make_buffer(const Part& part);
  template <class Body>
  void for_elements(const Part& part, const Body& body);
  void set_zero(const Part& part, const Buffer& buffer);
  void settle(Part& part);
  void end_group(Part& part);
  void skip_absent(Part& part, int group);
  void count(Part& part, int group);
  void finish(Part& part);
  static void place(Part& part, size_t level, Buffer& sum);
  static Buffer take_idle(Part& part);
  void add_onto(Buffer& to, const Buffer& from, const Part& part);
  Part& primary(const std::string& weight_name);

  ThreadPool& pool_;
  std::map<ValueId, Part> parts_;
};

}  // namespace troupe
