#include "actors/factories.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/checkpoint/checkpoint_writer.h"
#include "actors/node_groups.h"
#include "actors/process_parts.h"
#include "actors/rlhf/coordinator.h"
#include "actors/rlhf/engine_options.h"
#include "actors/rlhf/reward_rule.h"
#include "actors/rollout/rollout_engine.h"
#include "devices/cpu/compute.h"

namespace troupe {
namespace {

template <class Actor>
caf::strong_actor_ptr with_inlet(NodeContext& node, const ActorPlan& plan, const Actor& actor) {
  node.transport.add_local(plan.address, caf::actor_cast<TensorInlet>(actor));
  return as_pointer(actor);
}

StageConfig stage_config(NodeContext& node, const ActorPlan& plan, const RunSetup& setup) {
  const auto place = nlohmann::json::parse(plan.config);
  StageConfig config;
  config.role = place.at("role");
  config.model = setup.llama();
  const auto layout = setup.layout(config.role);
  config.mesh = layout.mesh;
  config.point = layout.mesh.point(place.at("rank"));
  config.schedule = layout.schedule->name;
  config.table = layout.table;
  config.num_chunks = layout.num_chunks;
  config.data_slices = setup.config().getNumerics().getDataSlices();
  config.options = setup.stage_options(config.role);
  config.make_group = [&node](GroupWanted wanted) { return make_group(node, std::move(wanted)); };
  config.seed = setup.config().getRun().getSeed();
  if (config.role == "policy") config.weight_store = "weight_store/policy";
  config.transport = &node.transport;
  return config;
}

RolloutEngineConfig engine_config(const ActorPlan& plan, const RunSetup& setup) {
  RolloutEngineConfig config;
  config.address = plan.address;
  config.model = setup.llama();
  config.options = engine_options(setup);
  config.seed = setup.config().getRun().getSeed();
  config.end_ids = setup.end_ids();
  return config;
}

PromptSourceConfig prompt_source_config(const RunSetup& setup) {
  PromptSourceConfig config;
  config.task = setup.task();
  config.tokenizer = setup.tokenizer();
  config.chat_template = setup.chat_template();
  config.seed = setup.config().getRun().getSeed();
  config.max_prompt_length = setup.config().getTask().getMaxPromptLength();
  config.engines = setup.engine_addresses();
  return config;
}

KlEstimator kl_estimator(RunConfig::KlType type) {
  switch (type) {
    case RunConfig::KlType::ABS:
      return KlEstimator::abs;
    case RunConfig::KlType::MSE:
      return KlEstimator::k2;
    case RunConfig::KlType::LOW_VAR_KL:
      return KlEstimator::k3;
    case RunConfig::KlType::KL:
      break;
  }
  return KlEstimator::k1;
}

AdvEstimator adv_estimator(RunConfig::AdvEstimator estimator) {
  if (estimator == RunConfig::AdvEstimator::GRPO) return AdvEstimator::grpo;
  return estimator == RunConfig::AdvEstimator::RLOO ? AdvEstimator::rloo : AdvEstimator::gae;
}

PackerConfig packer_config(const RunSetup& setup) {
  const auto algorithm = setup.config().getAlgorithm();
  PackerConfig config;
  config.reference_stages = setup.stage_addresses("reference");
  config.critic_stages = setup.stage_addresses("critic");
  auto& experience = config.experience;
  experience.adv_estimator = adv_estimator(algorithm.getAdvEstimator());
  experience.gae.gamma = algorithm.getGamma();
  experience.gae.lam = algorithm.getLam();
  experience.norm_adv_by_std_in_grpo = algorithm.getNormAdvByStdInGrpo();
  experience.whiten_advantages = algorithm.getWhitenAdvantages();
  experience.use_kl_in_reward = algorithm.getUseKlInReward();
  experience.shaping.kl_penalty = kl_estimator(algorithm.getKlPenalty());
  experience.shaping.missing_eos_penalty = algorithm.getMissingEosPenalty();
  config.max_tokens_per_pack = setup.config().getActor().getPpoMaxTokenLen();
  config.data_slices = setup.config().getNumerics().getDataSlices();
  return config;
}

RewardConfig reward_config(const RunSetup& setup) {
  RewardConfig config;
  config.ledger = "ledger";
  config.stages = setup.stage_addresses("reward");
  if (!setup.has_reward_model()) config.rule = vader_rule(setup);
  config.score_clip = setup.has_reward_model() ? setup.config().getReward().getScoreClip() : 0;
  config.max_tokens_per_pack = setup.config().getReward().getMaxTokensPerPack();
  return config;
}

}  // namespace

ActorFactories actor_factories() {
  auto parts = std::make_shared<ProcessParts>();
  ActorFactories factories;
  factories["stage"] = [parts](NodeContext& node, const ActorPlan& plan) {
    auto config = stage_config(node, plan, *parts->setup(node));
    config.compute = parts->compute(node);
    return with_inlet(node, plan, node.system.spawn<caf::detached>(stage, std::move(config)));
  };
  factories["rollout_engine"] = [parts](NodeContext& node, const ActorPlan& plan) {
    auto config = engine_config(plan, *parts->setup(node));
    config.compute = parts->compute(node);
    return with_inlet(node, plan,
                      node.system.spawn<caf::detached>(rollout_engine, std::move(config)));
  };
  factories["weight_store"] = [parts](NodeContext& node, const ActorPlan& plan) {
    const auto setup = parts->setup(node);
    WeightStoreConfig config = {plan.address, setup->stage_addresses("policy"),
                                setup->engine_addresses(), &node.transport};
    return with_inlet(node, plan, node.system.spawn(weight_store, std::move(config)));
  };
  factories["checkpoint_writer"] = [](NodeContext& node, const ActorPlan& plan) {
    return as_pointer(node.system.spawn<caf::detached>(checkpoint_writer, plan.address));
  };
  factories["prompt_source"] = [parts](NodeContext& node, const ActorPlan&) {
    return as_pointer(node.system.spawn(prompt_source, prompt_source_config(*parts->setup(node))));
  };
  factories["ledger"] = [](NodeContext& node, const ActorPlan&) {
    const auto folder = node.run_dir + "/ledger";
    std::filesystem::create_directories(folder);
    return as_pointer(node.system.spawn(ledger_actor, LedgerConfig{folder, "packer", "reward"}));
  };
  factories["packer"] = [parts](NodeContext& node, const ActorPlan&) {
    return as_pointer(node.system.spawn(packer, packer_config(*parts->setup(node))));
  };
  factories["reward"] = [parts](NodeContext& node, const ActorPlan&) {
    return as_pointer(node.system.spawn(reward, reward_config(*parts->setup(node))));
  };
  factories["coordinator"] = [parts](NodeContext& node, const ActorPlan&) {
    return as_pointer(node.system.spawn(coordinator, parts->setup(node)));
  };
  return factories;
}

}  // namespace troupe
