#include "base/run_config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/cluster_config.h"
#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

using Run = RunConfig::Reader;
using NodeList = capnp::List<capnp::Text>::Reader;

std::vector<std::string> node_names(Run run) {
  std::vector<std::string> names;
  for (auto node : run.getCluster().getNodes()) names.push_back(node.getName().cStr());
  return names;
}

void check_cluster(const Config& config, Run run) {
  const auto names = node_names(run);
  if (names.empty()) config.reject("cluster.nodes", " is empty: expected at least one node");
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string key = "cluster.nodes." + std::to_string(i) + ".name";
    if (!is_node_name(names[i])) {
      config.reject(key, " = '" + names[i] + "': expected letters, digits, '-', '_' and '.'");
    }
    if (std::find(names.begin(), names.begin() + i, names[i]) != names.begin() + i) {
      config.reject(key, " = " + names[i] + ": another node has this name");
    }
  }
  const auto cluster = run.getCluster();
  if (cluster.getHeartbeatLimitSeconds() <= cluster.getHeartbeatIntervalSeconds()) {
    config.reject("cluster.heartbeat_limit_seconds",
                  ": expected more than heartbeat_interval_seconds");
  }
}

void check_node(const Config& config, Run run, const std::string& key, const std::string& name) {
  const auto names = node_names(run);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  config.reject(
      key, " = " + name + ": no node of cluster.nodes has this name" + did_you_mean(name, names));
}

void check_nodes(const Config& config, Run run, const std::string& key, NodeList nodes) {
  for (auto node : nodes) check_node(config, run, key, node.cStr());
}

void check_roles(const Config& config, Run run) {
  const auto roles = run.getRoles();
  check_nodes(config, run, "roles.policy.stages", roles.getPolicy().getStages());
  check_nodes(config, run, "roles.reference.stages", roles.getReference().getStages());
  check_nodes(config, run, "roles.reward.stages", roles.getReward().getStages());
  check_nodes(config, run, "roles.critic.stages", roles.getCritic().getStages());
  check_nodes(config, run, "roles.rollout.nodes", roles.getRollout().getNodes());
  const std::pair<const char*, capnp::Text::Reader> services[] = {
      {"roles.prompt_source", roles.getPromptSource()},
      {"roles.ledger", roles.getLedger()},
      {"roles.packer", roles.getPacker()},
      {"roles.coordinator", roles.getCoordinator()}};
  for (const auto& [key, node] : services) {
    if (node.size() > 0) check_node(config, run, key, node.cStr());
  }
}

void check_file(const Config& config, const std::string& key, const std::string& path,
                const std::string& advice) {
  if (!std::filesystem::exists(path))
    config.reject(key, " = " + path + ": no such file\n  " + advice);
}

void check_new_model(const Config& config, Run run) {
  const auto model = run.getModel().getConfig();
  const auto heads = std::to_string(model.getNumAttentionHeads());
  if (model.getHiddenSize() % (2 * model.getNumAttentionHeads()) != 0) {
    config.reject("model.config.hidden_size",
                  " = " + std::to_string(model.getHiddenSize()) +
                      ": expected an even number of columns for each of the " + heads +
                      " num_attention_heads");
  }
  if (model.getNumAttentionHeads() % model.getNumKeyValueHeads() != 0) {
    config.reject("model.config.num_key_value_heads",
                  " = " + std::to_string(model.getNumKeyValueHeads()) +
                      ": expected a divisor of num_attention_heads, " + heads);
  }
  if (model.getVocabSize() != 256) {
    config.reject("model.config.vocab_size",
                  " = " + std::to_string(model.getVocabSize()) +
                      ": a new model has the byte vocabulary, expected 256");
  }
  if (run.getRollout().getMaxNewTokens() >= model.getMaxPositionEmbeddings()) {
    config.reject("rollout.max_new_tokens",
                  " = " + std::to_string(run.getRollout().getMaxNewTokens()) +
                      ": expected less than model.config.max_position_embeddings, " +
                      std::to_string(model.getMaxPositionEmbeddings()));
  }
  check_stages(config, model.getNumHiddenLayers());
}

void check_model(const Config& config, Run run) {
  const std::string path = run.getModel().getPath();
  if (path.empty()) return check_new_model(config, run);
  check_file(config, "model.path", path,
             "tools/fetch_model.sh brings the models that the shipped configs name");
}

void check_task_and_reward(const Config& config, Run run) {
  if (run.getTask().getKind() == RunConfig::TaskKind::PROMPT_LIST) {
    check_file(config, "task.path", run.getTask().getPath(),
               "task.kind prompt_list reads its prompts from it");
    if (run.getReward().getKind() == RunConfig::RewardKind::MODEL) {
      config.reject(
          "reward.kind",
          " = model: its preference pairs need a task with answers, and prompt_list has none");
    }
    if (run.getSft().getSteps() > 0) {
      config.reject("sft.steps", ": prompt_list has no demonstrations to train on, expected 0");
    }
  }
  if (run.getReward().getKind() == RunConfig::RewardKind::VADER) {
    check_file(config, "reward.lexicon_path", run.getReward().getLexiconPath(),
               "tools/fetch_model.sh brings it");
  }
}

bool is_port(const std::string& text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end;
}

void check_prometheus_address(const Config& config, const std::string& address) {
  const size_t colon = address.find(':');
  in_addr parsed = {};
  if (address.empty() || (colon != address.npos && is_port(address.substr(colon + 1)) &&
                          inet_pton(AF_INET, address.substr(0, colon).c_str(), &parsed) == 1))
    return;
  config.reject("trainer.prometheus_address",
                " = " + address + ": expected an IPv4 address and a port, such as 127.0.0.1:9464");
}

void check_optim(const Config& config, const std::string& section, RunConfig::Optim::Reader optim) {
  const auto betas = optim.getBetas();
  if (betas.size() != 2 || betas[0] >= 1 || betas[1] >= 1) {
    config.reject(section + ".betas", ": expected two numbers below 1");
  }
}

void check_algorithm(const Config& config, Run run) {
  const auto algorithm = run.getAlgorithm();
  const auto actor = run.getActor();
  const auto rollout = run.getRollout();
  if (algorithm.getAdvEstimator() != RunConfig::AdvEstimator::GAE && rollout.getN() < 2) {
    config.reject(
        "rollout.n",
        " = 1: algorithm.adv_estimator compares the responses to a prompt, expected at least 2");
  }
  if (actor.getUseKlLoss() && algorithm.getUseKlInReward() &&
      config.origin("algorithm.use_kl_in_reward") == "default") {
    config.reject(
        "actor.use_kl_loss",
        " = true: algorithm.use_kl_in_reward is on by default; set it too, to false or true");
  }
  if (actor.getClipRatioC() > 0 && actor.getClipRatioC() <= 1) {
    config.reject("actor.clip_ratio_c", ": expected 0 (off) or more than 1");
  }
  const int64_t responses = int64_t{rollout.getN()} * rollout.getPromptsPerStep();
  if (std::max(actor.getPpoMiniBatches(), run.getCritic().getPpoMiniBatches()) > responses) {
    config.reject("actor.ppo_mini_batches",
                  ": expected at most one per response of a step, " + std::to_string(responses));
  }
}

}  // namespace

void check_stages(const Config& config, int num_hidden_layers) {
  const auto roles = config.as<RunConfig>().getRoles();
  const std::pair<const char*, NodeList> pipelines[] = {
      {"roles.policy.stages", roles.getPolicy().getStages()},
      {"roles.reference.stages", roles.getReference().getStages()},
      {"roles.reward.stages", roles.getReward().getStages()},
      {"roles.critic.stages", roles.getCritic().getStages()}};
  for (const auto& [key, stages] : pipelines) {
    if (static_cast<int>(stages.size()) <= num_hidden_layers) continue;
    config.reject(key, ": " + std::to_string(stages.size()) + " stages, but the model has only " +
                           std::to_string(num_hidden_layers) + " layers (num_hidden_layers)");
  }
}

void check_run_config(const Config& config) {
  const auto run = config.as<RunConfig>();
  check_cluster(config, run);
  check_roles(config, run);
  check_task_and_reward(config, run);
  check_model(config, run);
  check_algorithm(config, run);
  check_prometheus_address(config, run.getTrainer().getPrometheusAddress());
  check_optim(config, "sft.optim", run.getSft().getOptim());
  check_optim(config, "reward.optim", run.getReward().getOptim());
  check_optim(config, "actor.optim", run.getActor().getOptim());
  check_optim(config, "critic.optim", run.getCritic().getOptim());
}

Config load_run_config(const std::filesystem::path& path,
                       const std::vector<std::string>& overrides) {
  Config config(capnp::Schema::from<RunConfig>());
  config.read_file(path);
  for (const auto& assignment : overrides) config.set(assignment);
  check_run_config(config);
  return config;
}

}  // namespace troupe
