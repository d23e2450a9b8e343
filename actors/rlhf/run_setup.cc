#include "actors/rlhf/run_setup.h"

#include "actors/model/loaded_model.h"
#include "actors/rlhf/role_layout.h"
#include "base/error.h"
#include "rlhf/tasks/prompt_list.h"
#include "rlhf/tasks/sort_digits.h"
#include "storage/mapped_file.h"
#include "text/byte_tokenizer.h"

namespace troupe {
namespace {

nlohmann::json new_model_config(RunConfig::ModelConfig::Reader c) {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_act", "silu"},
          {"hidden_size", c.getHiddenSize()},
          {"num_hidden_layers", c.getNumHiddenLayers()},
          {"num_attention_heads", c.getNumAttentionHeads()},
          {"num_key_value_heads", c.getNumKeyValueHeads()},
          {"head_dim", c.getHiddenSize() / c.getNumAttentionHeads()},
          {"intermediate_size", c.getIntermediateSize()},
          {"vocab_size", c.getVocabSize()},
          {"max_position_embeddings", c.getMaxPositionEmbeddings()},
          {"rms_norm_eps", c.getRmsNormEps()},
          {"rope_theta", c.getRopeTheta()},
          {"tie_word_embeddings", c.getTieWordEmbeddings()},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"eos_token_id", c.getEosTokenId()},
          {"torch_dtype", "float32"}};
}

Recompute recompute_of(RunConfig::Recompute wanted) {
  switch (wanted) {
    case RunConfig::Recompute::ATTENTION:
      return Recompute::attention;
    case RunConfig::Recompute::LAYER:
      return Recompute::layer;
    default:
      return Recompute::none;
  }
}

void check_offload(const Config& config) {
  for (const auto word : config.as<RunConfig>().getParallel().getOffload())
    if (word != "optimizer")
      config.reject("parallel.offload",
                    " = " + std::string(word) + ": only optimizer can be kept in files");
}

std::shared_ptr<const Task> make_task(RunConfig::Task::Reader task) {
  if (task.getKind() == RunConfig::TaskKind::SORT_DIGITS)
    return std::make_shared<SortDigits>(task.getAscendingShare());
  const MappedFile file(task.getPath());
  const auto bytes = file.bytes();
  return std::make_shared<PromptList>(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

RunSetup::RunSetup(const std::string& run_dir)
    : RunSetup(run_dir, std::make_shared<const Config>(load_run_config(run_dir + "/config.yaml"))) {
}

RunSetup::RunSetup(std::shared_ptr<const Config> config) : RunSetup("", std::move(config)) {}

RunSetup::RunSetup(std::string run_dir, std::shared_ptr<const Config> resolved)
    : run_dir_(std::move(run_dir)), config_(std::move(resolved)) {
  read_model();
  check_stages(*config_, llama_.num_hidden_layers);
  check_layout(*config_, llama_, layout("policy"));
  check_offload(*config_);
  task_ = make_task(config().getTask());
}

void RunSetup::read_model() {
  const std::string path = config().getModel().getPath();
  if (path.empty()) {
    const auto model = config().getModel().getConfig();
    model_config_ = new_model_config(model);
    llama_ = llama_config(model_config_);
    end_ids_ = {model.getEosTokenId()};
    tokenizer_ = std::make_shared<Tokenizer>(
        byte_tokenizer_spec(static_cast<uint8_t>(model.getEosTokenId())));
    return;
  }
  const auto model = load_model(path);
  model_config_ = model.source->config();
  llama_ = model.config;
  end_ids_ = model.source->eos_token_ids();
  auto spec = model.source->tokenizer();
  if (!spec) config_->reject("model.path", " = " + path + ": has no tokenizer, which a run needs");
  tokenizer_ = std::make_shared<Tokenizer>(std::move(*spec));
}

std::string RunSetup::phase_dir(const std::string& phase) const {
  return run_dir_ + "/phases/" + phase;
}

DType RunSetup::dtype() const {
  return config().getModel().getDtype() == RunConfig::DType::BF16 ? DType::bf16 : DType::f32;
}

std::string RunSetup::chat_template() const {
  return config().getTask().getChat() ? tokenizer_->spec().chat_template : "";
}

bool RunSetup::has_critic() const {
  return config().getAlgorithm().getAdvEstimator() == RunConfig::AdvEstimator::GAE;
}

bool RunSetup::has_reference() const {
  const auto algorithm = config().getAlgorithm();
  return config().getActor().getUseKlLoss() ||
         (algorithm.getUseKlInReward() && algorithm.getKlCtrl().getKlCoef() > 0);
}

bool RunSetup::has_reward_model() const {
  return config().getReward().getKind() == RunConfig::RewardKind::MODEL;
}

std::string RunSetup::service_node(const std::string& wanted) const {
  return wanted.empty() ? std::string(config().getCluster().getNodes()[0].getName()) : wanted;
}

std::vector<std::string> RunSetup::stage_nodes(const std::string& role) const {
  const auto roles = config().getRoles();
  const bool exists = role == "policy" || (role == "reference" && has_reference()) ||
                      (role == "critic" && has_critic()) ||
                      (role == "reward" && has_reward_model());
  if (!exists) return {};
  const auto pipeline = role == "policy"      ? roles.getPolicy()
                        : role == "reference" ? roles.getReference()
                        : role == "critic"    ? roles.getCritic()
                                              : roles.getReward();
  std::vector<std::string> nodes;
  for (auto node : pipeline.getStages()) nodes.emplace_back(node);
  if (nodes.empty()) nodes.push_back(service_node(""));
  return nodes;
}

RoleLayout RunSetup::layout(const std::string& role) const {
  const auto nodes = stage_nodes(role);
  return nodes.empty() ? RoleLayout{} : role_layout(*config_, role, nodes);
}

std::optional<std::string> RunSetup::moments_folder() const {
  const auto parallel = config().getParallel();
  if (parallel.getOffload().size() == 0) return std::nullopt;
  return parallel.getOffloadFolder().size() > 0 ? parallel.getOffloadFolder().cStr() : run_dir_;
}

StageOptions RunSetup::stage_options(const std::string& role) const {
  const auto own = layout(role);
  StageOptions options;
  options.trainable = role == "reference" ? Trainable::no : Trainable::yes;
  options.recompute = recompute_of(config().getParallel().getRecompute());
  options.moments_folder = moments_folder();
  options.place.tensor_degree = own.mesh.tensor;
  options.place.sequence = own.sequence;
  options.place.zero = own.zero;
  options.place.overrides = own.overrides;
  auto& model = options.model;
  model.dtype = dtype();
  model.head = role == "reward" || role == "critic" ? Head::value : Head::log_prob;
  model.temperature = static_cast<float>(config().getRollout().getTemperature());
  model.tensor_slices = config().getNumerics().getTensorSlices();
  return options;
}

std::vector<std::string> RunSetup::stage_addresses(const std::string& role) const {
  std::vector<std::string> addresses;
  for (const auto& rank : layout(role).ranks) addresses.push_back(rank.address);
  return addresses;
}

std::vector<std::string> RunSetup::engine_addresses() const {
  const auto replicas = std::max<size_t>(1, config().getRoles().getRollout().getNodes().size());
  std::vector<std::string> addresses;
  for (size_t i = 0; i < replicas; ++i) addresses.push_back("rollout/" + std::to_string(i));
  return addresses;
}

std::string RunSetup::writer_address(const std::string& node) const {
  return "checkpoint_writer/" + node;
}

std::string RunSetup::node_of(const std::string& address) const {
  const auto spread = spread_plan();
  const auto* actor = spread.find(address);
  CHECK(actor != nullptr, address);
  return actor->node;
}

ClusterPlan RunSetup::plan() const {
  const auto spread = spread_plan();
  return config().getCluster().getOneProcess() ? spread.in_one_process() : spread;
}

std::vector<WantedNode> RunSetup::wanted_nodes() const {
  std::vector<WantedNode> wanted;
  for (auto node : config().getCluster().getNodes())
    wanted.push_back({node.getName().cStr(), node.getMember().cStr()});
  return wanted;
}

ClusterPlan RunSetup::spread_plan() const {
  ClusterPlan plan;
  const auto roles = config().getRoles();
  for (auto node : config().getCluster().getNodes()) {
    plan.nodes.push_back({node.getName(), "", node.getComputeThreads()});
    plan.actors.push_back(
        {writer_address(node.getName()), "checkpoint_writer", node.getName(), "{}"});
  }
  for (const char* role : {"policy", "reference", "reward", "critic"}) {
    const auto ranks = layout(role).ranks;
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      const nlohmann::json place = {{"role", role}, {"rank", rank}};
      plan.actors.push_back({ranks[rank].address, "stage", ranks[rank].node, place.dump()});
    }
  }
  const auto engines = engine_addresses();
  const auto engine_nodes = roles.getRollout().getNodes();
  for (unsigned i = 0; i < engines.size(); ++i)
    plan.actors.push_back({engines[i], "rollout_engine",
                           service_node(engine_nodes.size() > 0 ? engine_nodes[i].cStr() : ""),
                           "{}"});
  const auto service = [&](const char* kind, const std::string& node) {
    plan.actors.push_back({kind, kind, service_node(node), "{}"});
  };
  service("prompt_source", roles.getPromptSource());
  service("ledger", roles.getLedger());
  service("packer", roles.getPacker());
  const auto reward_stages = roles.getReward().getStages();
  service("reward", reward_stages.size() > 0 ? std::string(reward_stages[0]) : "");
  service("coordinator", roles.getCoordinator());
  plan.actors.push_back({"weight_store/policy", "weight_store", stage_nodes("policy")[0], "{}"});
  return plan;
}

LearningRateSchedule learning_rate_schedule(RunConfig::Optim::Reader optim, int64_t phase_steps) {
  LearningRateSchedule schedule;
  schedule.lr = optim.getLr();
  schedule.warmup_steps = optim.getLrWarmupSteps();
  schedule.total_steps =
      optim.getTotalTrainingSteps() > 0 ? optim.getTotalTrainingSteps() : phase_steps;
  schedule.min_lr_ratio = optim.getMinLrRatio();
  switch (optim.getLrSchedulerType()) {
    case RunConfig::LrSchedulerType::CONSTANT:
      schedule.lr_scheduler_type = LearningRateDecay::constant;
      break;
    case RunConfig::LrSchedulerType::LINEAR:
      schedule.lr_scheduler_type = LearningRateDecay::linear;
      break;
    case RunConfig::LrSchedulerType::COSINE:
      schedule.lr_scheduler_type = LearningRateDecay::cosine;
      break;
  }
  return schedule;
}

}  // namespace troupe
