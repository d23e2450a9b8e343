#!/bin/bash
# The quickstart with a few steps of each phase: metrics, exact agreement of rollout and training, a
# topology, a checkpoint that verifies and generates, and one hash whatever the layout.
# TIMEOUT 120
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash

# small NAME SETTING...: a small run in a folder of this name; prints what the launcher prints.
small() {
  local name=$1
  shift
  local settings=()
  for setting in sft.steps=8 sft.batch_size=32 reward.steps=4 reward.pairs_per_step=8 reward.pool_prompts=32 \
    reward.statistics_samples=32 rollout.prompts_per_step=32 trainer.total_steps=2 trainer.eval_prompts=16 \
    actor.optim.lr=2e-3 run.dir="$folder/$name" "$@"; do
    settings+=(--set "$setting")
  done
  "$TROUPE" rlhf configs/quickstart.yaml "${settings[@]}" 2>&1
}

# hash_of NAME SETTING...: the SHA-256 that such a run ends with.
hash_of() {
  local out
  out=$(small "$@") || fail "$1 failed: $out"
  sed -n 's/^sha256 //p' <<<"$out"
}

# values KEY: what the lines of metrics.jsonl have under it.
values() {
  grep -o "\"$1\":[^,}]*" "$folder/many/metrics.jsonl" | sed 's/.*://'
}

hash=$(hash_of many)
[[ $hash =~ ^[0-9a-f]{64}$ ]] || fail "no hash of the model: $hash"
[[ $(values phase | uniq -c | tr -s ' \n' ' ') == ' 8 "sft" 4 "reward" 3 "ppo" ' ]] ||
  fail "other phases than 8 sft, 4 reward, 3 ppo: $(values phase | uniq -c)"
for name in actor/pg_loss actor/ppo_kl actor/entropy actor/grad_norm actor/lr actor/reward_kl_penalty \
  critic/vf_loss critic/vf_clipfrac critic/score/mean critic/rewards/mean critic/advantages/mean critic/returns/mean \
  critic/values/mean critic/vf_explained_var response_length/mean response_length/clip_ratio prompt_length/mean \
  timing_s/gen perf/total_num_tokens training/rollout_log_probs_diff_max training/rollout_probs_diff_max; do
  [[ $(values $name | wc -l) == 2 ]] || fail "$name is not in both lines of ppo"
done
[[ $(values eval/accuracy | wc -l) == 2 ]] || fail "not evaluated at step 0 and at the end"
[[ $(values training/rollout_log_probs_diff_max) == $'0.0\n0.0' ]] ||
  fail "rollout and training differ: $(values training/rollout_log_probs_diff_max)"
for compared in $(values training/rollout_probs_compared); do
  awk "BEGIN { exit !($compared >= 32) }" || fail "only $compared tokens were compared"
done
values actor/pg_clipfrac | awk '$1 > 0 { found = 1 } END { exit !found }' || fail "nothing was ever clipped"
[[ $(values actor/reward_kl_penalty | head -n 1) == 0.0 ]] ||
  fail "before the first update the policy is not its reference: $(values actor/reward_kl_penalty)"
[[ $(wc -l <"$folder/many/eval/heldout.jsonl") == 16 ]] || fail "eval/heldout.jsonl has not 16 lines"
[[ $("$TROUPE" audit "$folder/many") == "64 trajectories: 64 trained on exactly once, 0 never, 0 more than once" ]] ||
  fail "audit: $("$TROUPE" audit "$folder/many")"

topology=$("$TROUPE" topology "$folder/many" --json | tr '{' '\n')
for kind in stage rollout_engine weight_store prompt_source ledger packer reward coordinator checkpoint_writer \
  supervisor node tracer; do
  grep "\"kind\":\"$kind\"" <<<"$topology" | grep -q '"handled":[1-9]' || fail "no $kind that has handled a message"
done
[[ $(grep '"address"' <<<"$topology" | grep -o '"node":"[^"]*"' | sort -u | wc -l) -ge 4 ]] ||
  fail "fewer than four nodes: $(grep -o '"node":"[^"]*"' <<<"$topology" | sort -u)"

checkpoint=$folder/many/checkpoints/step-000002
[[ $(ls "$folder/many/checkpoints") == step-000002 ]] || fail "checkpoints/ holds $(ls "$folder/many/checkpoints")"
"$TROUPE" checkpoint verify "$checkpoint" >/dev/null || fail "the checkpoint does not verify"
"$TROUPE" checkpoint verify "$folder/many/phases/reward" >/dev/null || fail "the reward model does not verify"
[[ -n $("$TROUPE" generate --model "$checkpoint" --prompt "40713=" --temperature 0 --max-tokens 6) ]] ||
  fail "the checkpoint generates nothing"

[[ $(hash_of one_process cluster.one_process=true) == "$hash" ]] || fail "another model in one process"
[[ $(hash_of one_stage 'roles.policy.stages=[judge]') == "$hash" ]] || fail "another model with one stage"
[[ $(hash_of three_stages 'roles.policy.stages=[office,judge,critic]') == "$hash" ]] ||
  fail "another model with three stages"
[[ $(hash_of one_engine 'rollout.max_running_sequences=5' 'roles.rollout.nodes=[judge]') == "$hash" ]] ||
  fail "another model with one rollout engine"
[[ $(hash_of other_seed run.seed=99) != "$hash" ]] || fail "the seed makes no difference"
exit $failed
