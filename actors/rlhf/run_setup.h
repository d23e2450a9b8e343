// What every node works out of the run's resolved config: the model, its tokenizer, the task, and
// who lives where. The config file in the run folder is the one source.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/plan.h"
#include "actors/launch/messages.h"
#include "actors/rlhf/role_layout.h"
#include "base/dtype.h"
#include "base/run_config.h"
#include "graph/models/llama_config.h"
#include "graph/training/stage_model.h"
#include "rlhf/learning_rate.h"
#include "rlhf/tasks/task.h"
#include "text/tokenizer.h"

namespace troupe {

class RunSetup {
 public:
  // Reads run_dir/config.yaml.
  explicit RunSetup(const std::string& run_dir);
  // What a run of this config would be; it has no folder yet.
  explicit RunSetup(std::shared_ptr<const Config> config);

  const std::string& run_dir() const { return run_dir_; }
  std::string phase_dir(const std::string& phase) const;  // its checkpoint: "sft" or "reward"
  RunConfig::Reader config() const { return config_->as<RunConfig>(); }

  const nlohmann::json& model_config() const { return model_config_; }  // HF's config.json
  const LlamaConfig& llama() const { return llama_; }
  DType dtype() const;
  std::shared_ptr<const Tokenizer> tokenizer() const { return tokenizer_; }
  std::string chat_template() const;  // empty unless task.chat
  std::shared_ptr<const Task> task() const { return task_; }
  std::vector<int32_t> end_ids() const { return end_ids_; }

  bool has_critic() const;
  bool has_reference() const;  // a KL to it is wanted
  bool has_reward_model() const;
  RoleLayout layout(const std::string& role) const;  // without ranks: no such role
  // Of every rank of the role; stage and shard are each rank's own.
  StageOptions stage_options(const std::string& role) const;
  std::vector<std::string> stage_addresses(const std::string& role) const;  // empty: no such role
  std::vector<std::string> engine_addresses() const;
  std::string writer_address(const std::string& node) const;  // the checkpoint writer's
  std::string node_of(const std::string& address) const;      // where the config places an actor
  // All nodes and actors of the run.
  ClusterPlan plan() const;
  std::vector<WantedNode> wanted_nodes() const;  // what a resident cluster is asked for

 private:
  RunSetup(std::string run_dir, std::shared_ptr<const Config> config);
  void read_model();
  std::optional<std::string> moments_folder() const;
  std::vector<std::string> stage_nodes(const std::string& role) const;
  ClusterPlan spread_plan() const;  // as if every node had a process
  std::string service_node(const std::string& wanted) const;

  std::string run_dir_;
  std::shared_ptr<const Config> config_;
  nlohmann::json model_config_;
  LlamaConfig llama_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<const Task> task_;
  std::vector<int32_t> end_ids_;
};

LearningRateSchedule learning_rate_schedule(RunConfig::Optim::Reader optim, int64_t phase_steps);

}  // namespace troupe
