// Saving: every stage's node writes its shard, then the coordinator commits all of them at once.
// Every stage of every role is asked before anything is awaited: while shards are written the next
// step begins, and only a stage that was asked before it is still as it was.
#include <filesystem>

#include "actors/checkpoint/shard_json.h"
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
  std::vector<Async<ShardsWritten>> writing;
  const bool only_role = roles.size() == 1;
  for (const auto* trained : roles) {
    const auto& role = trained->role;
    const auto prefix = only_role ? "" : folder_of(role.name());
    files[prefix + std::string("config.json")] = role_config(*setup_, role.name()).dump(2) + "\n";
    for (const auto& stage : role.stages()) {
      SaveShard save = {partial, prefix, with_optimizer,
                        peers_.find(setup_->writer_address(setup_->node_of(stage.address)))};
      writing.push_back([](Self* self, Peer<Stage> stage, SaveShard save) -> Async<ShardsWritten> {
        auto asked = ask_async<ShardsWritten>(self, stage, save);
        co_return co_await asked;
      }(self_, stage, save));
    }
  }
  auto all_written = await_all(std::move(writing));
  const std::vector<ShardsWritten> stages = co_await all_written;
  std::vector<ShardInfo> shards;
  for (const auto& written : stages)
    for (const auto& shard : written.shards) shards.push_back(shard_from_json(shard));
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
