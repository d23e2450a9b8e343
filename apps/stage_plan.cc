#include "apps/stage_plan.h"

#include <algorithm>

#include "actors/rlhf/engine_options.h"
#include "base/error.h"
#include "devices/cpu/shared_memory_group.h"
#include "graph/generation/generation_forecast.h"
#include "graph/memory_forecast.h"
#include "graph/models/llama.h"
#include "graph/parallel/program_cost.h"
#include "graph/parallel/schedule_check.h"
#include "graph/parallel/schedule_simulator.h"

namespace troupe {
namespace {

int64_t pack_tokens(const RunSetup& setup, const std::string& role) {
  const auto config = setup.config();
  return role == "reward" ? config.getReward().getMaxTokensPerPack()
                          : config.getActor().getPpoMaxTokenLen();
}

int64_t longest_sequence(const RunSetup& setup) {
  const auto config = setup.config();
  const int64_t limit =
      config.getTask().getMaxPromptLength() + config.getRollout().getMaxNewTokens();
  return std::min<int64_t>(limit, setup.llama().max_position_embeddings);
}

int64_t batch_tokens(const RunSetup& setup) {
  const auto rollout = setup.config().getRollout();
  return int64_t{rollout.getPromptsPerStep()} * rollout.getN() * longest_sequence(setup);
}

// A rank's chunks as options of the programs that they run.
StageOptions chunk_options(const RunSetup& setup, const std::string& role, const RoleLayout& layout,
                           const MeshPoint& point, int chunk) {
  const PipelineSize size = {layout.mesh.pipeline, 1, layout.num_chunks};
  auto options = setup.stage_options(role);
  options.stage = virtual_stage(*layout.schedule, size, {point.pipeline, chunk});
  options.num_stages = size.num_virtual_stages();
  options.splits_backward = layout.schedule->splits_backward && options.trainable == Trainable::yes;
  options.place.shard = point.tensor;
  return options;
}

struct RoleWork {
  std::string role;
  RoleLayout layout;
  int64_t tokens, sequence, micro_batches;
  ScheduleTable table;
  double flops_per_second;
  bool trains;
};

// What waits between a rank's chunks and others': the input that each micro-batch in flight holds,
// an output on its way, and as many gradients as are at work, one in and one out.
int64_t message_bytes(const RunSetup& setup, const RoleWork& work, const StageOptions& options,
                      int64_t held) {
  const int shards = options.place.sequence ? options.place.tensor_degree : 1;
  const int64_t hidden = (work.tokens + shards - 1) / shards * setup.llama().hidden_size *
                         static_cast<int64_t>(size_of(setup.dtype()));
  const bool has_previous = options.stage > 0, has_next = options.stage + 1 < options.num_stages;
  const int gradients = work.trains ? 1 : 0;
  return hidden * ((held + gradients) * has_previous + (1 + gradients) * has_next);
}

void add_chunk(const RunSetup& setup, const RoleWork& work, const RoleRank& rank, int chunk,
               int64_t held, StagePlan& stage, StageCost& cost) {
  const auto options = chunk_options(setup, work.role, work.layout, rank.point, chunk);
  const Graph graph = stage_graph(setup.llama(), options);
  const auto program = program_cost(graph, work.tokens, work.sequence);
  stage.kernel_calls += program.kernel_calls;
  stage.flops += program.forward_flops + program.backward_flops;
  stage.sent_bytes += program.sent_bytes;
  const double hidden = static_cast<double>(work.tokens) * setup.llama().hidden_size *
                        static_cast<double>(size_of(setup.dtype()));
  stage.sent_bytes += hidden * ((options.stage > 0) + (options.stage + 1 < options.num_stages));
  cost.forward = program.forward_flops / work.flops_per_second;
  cost.input_gradient = cost.weight_gradient = program.backward_flops / 2 / work.flops_per_second;
  stage.forward_seconds += cost.forward;
  stage.backward_seconds += 2 * cost.input_gradient;
  const int groups = setup.config().getNumerics().getDataSlices() / work.layout.mesh.data;
  const auto memory = forecast_memory(
      graph,
      {.trainable = options.trainable,
       .num_tokens = work.tokens,
       .micro_batches = static_cast<int>(std::max<int64_t>(1, held / work.layout.num_chunks)),
       .gradient_groups = static_cast<int>(std::min<int64_t>(groups, work.micro_batches)),
       .data_ranks = work.layout.mesh.data,
       .zero = options.place.zero,
       .offloads_optimizer = options.moments_folder.has_value()});
  for (int i = 0; i < kNumMemoryClasses; ++i) stage.memory.bytes[i] += memory.bytes[i];
  stage.memory.of(MemoryClass::communication) +=
      message_bytes(setup, work, options, std::max<int64_t>(1, held / work.layout.num_chunks));
}

RolePlan plan_role(const RunSetup& setup, const RoleWork& work) {
  RolePlan plan = {work.role, {}, work.micro_batches, 0, 0};
  const auto& layout = work.layout;
  const PipelineSize size = {layout.mesh.pipeline, work.micro_batches, layout.num_chunks, 1};
  auto held = most_held(work.table);
  if (!work.trains) held.assign(held.size(), 1);  // what is only scored is not kept
  ScheduleCosts costs = {std::vector<StageCost>(size.num_virtual_stages()), 0};
  for (const auto& rank : layout.ranks) {
    StagePlan stage = {work.role, rank.address, rank.node};
    for (const int ranks : {layout.mesh.tensor, layout.mesh.data})
      if (ranks > 1)
        stage.memory.of(MemoryClass::communication) += SharedMemoryGroup::bytes_of_rank(ranks);
    for (int chunk = 0; chunk < layout.num_chunks; ++chunk) {
      auto& cost =
          costs.stages.at(virtual_stage(*layout.schedule, size, {rank.point.pipeline, chunk}));
      add_chunk(setup, work, rank, chunk, held.at(rank.point.pipeline), stage, cost);
    }
    plan.stages.push_back(std::move(stage));
  }
  const auto simulation = simulate(*layout.schedule, size, work.table, costs);
  plan.step_seconds = simulation.makespan;
  plan.bubble = simulation.bubble();
  return plan;
}

// Engines that share a step's sequences evenly.
RolePlan plan_engines(const RunSetup& setup) {
  RolePlan plan = {"rollout", {}, 0, 0, 0};
  const auto rollout = setup.config().getRollout();
  const auto engines = setup.engine_addresses();
  const int64_t sequences = int64_t{rollout.getPromptsPerStep()} * rollout.getN();
  const auto each = (sequences + std::ssize(engines) - 1) / std::ssize(engines);
  const auto memory = forecast_generation(setup.llama(), engine_options(setup), each);
  for (const auto& address : engines) {
    StagePlan engine = {"rollout", address, setup.node_of(address)};
    engine.memory = memory;
    plan.stages.push_back(std::move(engine));
  }
  return plan;
}

}  // namespace

std::vector<RolePlan> role_plans(const RunSetup& setup, const Hardware& hardware) {
  std::vector<RolePlan> plans;
  for (const char* role : {"policy", "reference", "reward", "critic"}) {
    RoleWork work = {role,
                     setup.layout(role),
                     pack_tokens(setup, role),
                     longest_sequence(setup),
                     0,
                     {},
                     setup.dtype() == DType::bf16 ? hardware.bf16_flops : hardware.f32_flops,
                     setup.stage_options(role).trainable == Trainable::yes};
    if (work.layout.ranks.empty()) continue;
    const int64_t packs = (batch_tokens(setup) + work.tokens - 1) / work.tokens;
    work.micro_batches =
        std::max<int64_t>(1, (packs + work.layout.mesh.data - 1) / work.layout.mesh.data);
    const PipelineSize size = {work.layout.mesh.pipeline, work.micro_batches,
                               work.layout.num_chunks, 1};
    work.table = work.trains ? make_table(*work.layout.schedule, size)
                             : forward_only(*work.layout.schedule, size);
    plans.push_back(plan_role(setup, work));
  }
  plans.push_back(plan_engines(setup));
  return plans;
}

TrainingWork training_work(const RunSetup& setup) {
  const int wanted = setup.config().getNumerics().getTensorSlices();
  return {.model = setup.llama(),
          .dtype = setup.dtype(),
          .batch_tokens = batch_tokens(setup),
          .pack_tokens = pack_tokens(setup, "policy"),
          .sequence_length = longest_sequence(setup),
          .tensor_slices = wanted > 0 ? wanted : default_slices(setup.llama()),
          .data_slices = setup.config().getNumerics().getDataSlices()};
}

Graph program_of(const RunSetup& setup, const std::string& address) {
  for (const char* role : {"policy", "reference", "reward", "critic"}) {
    const auto layout = setup.layout(role);
    for (const auto& rank : layout.ranks)
      if (rank.address == address)
        return stage_graph(setup.llama(), chunk_options(setup, role, layout, rank.point, 0));
  }
  throw UsageError("no stage \"" + address + "\" in this run");
}

}  // namespace troupe
