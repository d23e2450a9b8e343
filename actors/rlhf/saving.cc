// Saving: every stage's node writes its shard, then the coordinator commits all of them at once.
#include <filesystem>

#include "actors/checkpoint/save_shards.h"
#include "actors/rlhf/coordinator.h"
#include "actors/rlhf/kernels_choice.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using nlohmann::json;

std::string folder_of(const std::string& role) {
  return role == "policy" ? "" : role + "/";
}

json role_config(const RunSetup& setup, const std::string& role) {
  json config = setup.model_config();
  if (role == "reward" || role == "critic") {
    config["architectures"] = {"LlamaForSequenceClassification"};
    config["num_labels"] = 1;
  }
  config["torch_dtype"] = setup.dtype() == DType::bf16 ? "bfloat16" : "float32";
  return config;
}

}  // namespace

Async<void> CoordinatorState::save(std::string final_dir, std::vector<TrainedRole*> roles,
                                   bool with_optimizer, json state) {
  state["kl_coef"] = kl_controller_ ? kl_controller_->kl_coef : 0;
  state["seed"] = config().getRun().getSeed();
  state["weight_version"] = version_;
  std::filesystem::create_directories(std::filesystem::path(final_dir).parent_path());
  const auto partial = begin_checkpoint(final_dir);
  std::map<std::string, std::string> files;
  std::vector<StageToSave> stages;
  const bool only_role = roles.size() == 1;
  for (const auto* trained : roles) {
    const auto& role = trained->role;
    const auto prefix = only_role ? "" : folder_of(role.name());
    files[prefix + std::string("config.json")] = role_config(*setup_, role.name()).dump(2) + "\n";
    for (const auto& stage : role.stages()) {
      const auto writer = setup_->writer_address(setup_->node_of(stage.address));
      stages.push_back({stage, {partial, prefix, with_optimizer, peers_.find(writer)}});
    }
  }
  auto saving = save_shards(self_, std::move(stages));
  const std::vector<ShardInfo> shards = co_await saving;
  files["generation_config.json"] = json{{"eos_token_id", setup_->end_ids()}}.dump(2) + "\n";
  files["state.json"] = state.dump(2) + "\n";
  write_tokenizer_json(setup_->tokenizer()->spec(), partial);
  const auto numerics = config().getNumerics();
  commit_checkpoint(partial, final_dir, shards, files,
                    {{"tensor_slices", numerics.getTensorSlices()},
                     {"data_slices", numerics.getDataSlices()},
                     {"key_block", numerics.getKeyBlock()},
                     {"key_span", numerics.getKeySpan()},
                     {"kernels", std::string(name_of(numerics.getKernels()))}});
}

}  // namespace troupe
