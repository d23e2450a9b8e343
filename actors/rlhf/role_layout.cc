#include "actors/rlhf/role_layout.h"

#include <algorithm>

#include "actors/train/stage.h"
#include "graph/models/llama.h"
#include "graph/parallel/schedule_check.h"
#include "graph/parallel/schedule_csv.h"
#include "storage/mapped_file.h"

namespace troupe {
namespace {

const Schedule& schedule_of(const Config& config) {
  const std::string name = config.as<RunConfig>().getParallel().getSchedule();
  try {
    return schedule_named(name);
  } catch (const Error& error) {
    config.reject("parallel.schedule", std::string(": ") + error.what());
  }
}

Placement placement_of(const Config& config, const std::string& text) {
  if (text == "replicate") return replicate();
  if (text == "shard(0)") return shard(0);
  if (text == "shard(1)") return shard(1);
  config.reject("parallel.plan",
                ": " + text + " is no placement, expected replicate, shard(0) or shard(1)");
}

// parallel.schedule_table, if there is one.
ScheduleTable table_of(const Config& config) {
  const std::string path = config.as<RunConfig>().getParallel().getScheduleTable();
  if (path.empty()) return {};
  try {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    auto table = table_from_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (table.empty()) throw Error("there is no row in it");
    return table;
  } catch (const Error& error) {
    config.reject("parallel.schedule_table", " = " + path + ": " + error.what());
  }
}

RoleLayout policy_layout(const Config& config, size_t num_nodes) {
  const auto parallel = config.as<RunConfig>().getParallel();
  RoleLayout layout;
  layout.mesh = {parallel.getPipeline() > 0 ? parallel.getPipeline() : static_cast<int>(num_nodes),
                 parallel.getData(), parallel.getTensor()};
  layout.schedule = &schedule_of(config);
  layout.num_chunks =
      parallel.getChunks() > 0 ? parallel.getChunks() : layout.schedule->least_chunks;
  layout.table = table_of(config);
  layout.sequence = parallel.getSequence() && layout.mesh.tensor > 1;
  layout.zero = layout.mesh.data > 1 ? static_cast<Zero>(parallel.getZero()) : Zero::none;
  for (const auto row : parallel.getPlan())
    layout.overrides.push_back({row.getWeights(), placement_of(config, row.getPlacement())});
  return layout;
}

// A node for each stage where there are as many as stages; else ranks are dealt out in order.
std::string node_of(const RoleLayout& layout, const std::vector<std::string>& nodes,
                    const MeshPoint& point) {
  const size_t count = nodes.size();
  if (std::ssize(nodes) == layout.mesh.pipeline) return nodes[static_cast<size_t>(point.pipeline)];
  const auto rank = static_cast<size_t>(layout.mesh.rank(point));
  return nodes[rank * count / static_cast<size_t>(layout.mesh.size())];
}

// numerics.tensor_slices, where the config gives it.
void check_slices(const Config& config, const LlamaConfig& model, int slices) {
  const auto refuse = [&](const std::string& why) {
    config.reject("numerics.tensor_slices", " = " + std::to_string(slices) + ": " + why);
  };
  if (model.num_key_value_heads % slices != 0)
    refuse("does not divide the model's " + std::to_string(model.num_key_value_heads) +
           " key and value heads (num_key_value_heads)");
  if (model.intermediate_size % (2 * slices) != 0)
    refuse("does not cut the model's " + std::to_string(model.intermediate_size) +
           " columns (intermediate_size) into even parts");
}

// A pattern that no weight has is a slip of the pen.
void check_overrides(const Config& config, const RoleLayout& layout, const Graph& graph) {
  const auto weights = graph.values_of_kind(ValueKind::weight);
  for (const auto& own : layout.overrides) {
    const bool any = std::ranges::any_of(
        weights, [&](ValueId id) { return matches(own.pattern, graph.value(id).name); });
    if (!any)
      config.reject("parallel.plan", ": no weight's name matches " + own.pattern + "; one is " +
                                         graph.value(weights.front()).name);
  }
}

// Each weight's may be had, and not all of them together: that is for the compiler to say.
void check_placements(const Config& config, const LlamaConfig& model, const RoleLayout& layout,
                      int tensor_slices) {
  StageOptions options;
  options.model.tensor_slices = tensor_slices;
  options.trainable = Trainable::yes;
  options.place.tensor_degree = layout.mesh.tensor;
  options.place.sequence = layout.sequence;
  options.place.overrides = layout.overrides;
  try {
    stage_graph(model, options);
  } catch (const Error& error) {
    config.reject("parallel.plan", std::string(": ") + error.what());
  }
}

std::string degree(const char* axis, int value) {
  return std::string("parallel.") + axis + " = " + std::to_string(value);
}

}  // namespace

RoleLayout role_layout(const Config& config, const std::string& role,
                       const std::vector<std::string>& stages) {
  RoleLayout layout;
  layout.schedule = &schedule_named("1f1b");
  layout.mesh.pipeline = static_cast<int>(stages.size());
  if (role == "policy") layout = policy_layout(config, stages.size());
  if (std::ssize(stages) > layout.mesh.size())
    config.reject("roles." + role + ".stages", ": " + std::to_string(stages.size()) +
                                                   " nodes for " +
                                                   std::to_string(layout.mesh.size()) +
                                                   " ranks (parallel.pipeline x data x tensor)");
  for (int rank = 0; rank < layout.mesh.size(); ++rank) {
    const MeshPoint point = layout.mesh.point(rank);
    layout.ranks.push_back(
        {point, stage_address(role, layout.mesh, point), node_of(layout, stages, point)});
  }
  return layout;
}

void check_layout(const Config& config, const LlamaConfig& model, const RoleLayout& layout) {
  const auto run = config.as<RunConfig>();
  const auto& mesh = layout.mesh;
  const int wanted = run.getNumerics().getTensorSlices();
  const int tensor_slices = wanted > 0 ? wanted : default_slices(model);
  const int data_slices = run.getNumerics().getDataSlices();
  check_slices(config, model, tensor_slices);
  if (!is_aligned(mesh.tensor, tensor_slices))
    config.reject("parallel.tensor",
                  " = " + std::to_string(mesh.tensor) + ": each rank must own a whole subtree of " +
                      std::to_string(tensor_slices) + " slices (numerics.tensor_slices)");
  if (!is_aligned(mesh.data, data_slices))
    config.reject("parallel.data",
                  " = " + std::to_string(mesh.data) + ": each rank must own a whole subtree of " +
                      std::to_string(data_slices) + " groups (numerics.data_slices)");
  if (layout.zero != Zero::none && !is_aligned(mesh.data, kRowRanges))
    config.reject("parallel.zero", ": " + degree("data", mesh.data) + " cannot share " +
                                       std::to_string(kRowRanges) + " ranges of rows");
  if (layout.sequence && kRowRanges % mesh.tensor != 0)
    config.reject("parallel.sequence", ": " + degree("tensor", mesh.tensor) + " cannot share " +
                                           std::to_string(kRowRanges) + " ranges of tokens");
  const int stages = mesh.pipeline * layout.num_chunks;
  if (stages > model.num_hidden_layers)
    config.reject("parallel.pipeline",
                  " = " + std::to_string(mesh.pipeline) + ": " + std::to_string(stages) +
                      " stages (" + std::to_string(layout.num_chunks) +
                      " chunks a rank), but the model has only " +
                      std::to_string(model.num_hidden_layers) + " layers (num_hidden_layers)");
  PipelineSize size = {mesh.pipeline, 1, layout.num_chunks};
  try {
    make_table(*layout.schedule, size);
  } catch (const Error& error) {
    config.reject("parallel.chunks", std::string(": ") + error.what());
  }
  if (!layout.table.empty()) try {
      size.num_micro_batches = num_micro_batches(layout.table);
      check_table(*layout.schedule, size, layout.table, size.num_micro_batches);
    } catch (const Error& error) {
      config.reject("parallel.schedule_table", std::string(": ") + error.what());
    }
  const WeightPlan plan(plan_of_family("llama"), tensor_slices, mesh.tensor, layout.overrides);
  const Graph graph = llama(model, {.tensor_slices = tensor_slices});
  check_overrides(config, layout, graph);
  for (ValueId id : graph.values_of_kind(ValueKind::weight)) try {
      plan.placement_of(graph.value(id).name, graph.value(id).shape);
    } catch (const Error& error) {
      config.reject(layout.overrides.empty() ? "parallel.tensor" : "parallel.plan",
                    std::string(": ") + error.what());
    }
  check_placements(config, model, layout, tensor_slices);
}

}  // namespace troupe
