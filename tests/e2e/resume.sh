#!/bin/bash
# A run that is killed with all its processes, in each of its phases, and gone on with ends in the
# unbroken run's model, metrics and ledger, on another layout too.
# TIMEOUT 300
source tests/e2e/small_run.bash

small+=(--set algorithm.kl_ctrl.type=adaptive algorithm.kl_ctrl.target_kl=0.01 algorithm.kl_ctrl.horizon=100)

# The metrics that are results, not times.
results() {
  grep -o '"\(phase\|training/global_step\|train/loss\|critic/score/mean\|actor/kl_loss\|actor/reward_kl_penalty_coeff\|eval/accuracy\)":[^,}]*' "$1/metrics.jsonl"
}

# What every checkpoint of a run holds, of policy and critic: a save goes on while the next step trains.
checkpointed() {
  (cd "$1/checkpoints" && find . -name '*.safetensors' -exec sha256sum {} + | sort -k2)
}

# unbroken NAME: the run that the following ones are compared with.
unbroken() {
  whole=$1
  run_or_stop "$whole" "${small[@]}"
  hash=$(hash_in "$folder/$whole.out")
  [[ $hash =~ ^[0-9a-f]{64}$ ]] || fail "no hash of $whole"
}

# killed LINE COMMAND...: runs COMMAND as a process group of its own and kills all of it
# when it has printed a line that starts with LINE.
killed() {
  local line=$1 group
  shift
  coproc RUN { exec setsid "$@" 2>&1; }
  group=$RUN_PID
  while read -r -t 60 -u "${RUN[0]}" said; do
    [[ $said == $line* ]] && break
  done
  kill -KILL -- "-$group" || fail "no process group $group to kill at '$line'"
  wait "$group" 2>/dev/null
}

# broken NAME LINE SETTING...: a run that is killed at LINE and gone on with.
broken() {
  local name=$1 line=$2
  shift 2
  killed "$line" "$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set run.dir="$folder/$name"
  "$TROUPE" rlhf --resume "$folder/$name" "$@" >"$folder/$name.out" 2>&1 ||
    fail "$name did not go on: $(cat "$folder/$name.out")"
  [[ $(hash_in "$folder/$name.out") == "$hash" ]] ||
    fail "$name: another model than the unbroken run's: $(cat "$folder/$name.out")"
  diff <(results "$folder/$whole") <(results "$folder/$name") || fail "$name: other metrics"
  diff <(checkpointed "$folder/$whole") <(checkpointed "$folder/$name") || fail "$name: other checkpoints"
  "$TROUPE" audit "$folder/$name" >"$folder/audit" || fail "$name: audit failed"
  [[ $(cat "$folder/audit") == "128 trajectories: 128 trained on exactly once, 0 never, 0 more than once" ]] ||
    fail "$name: $(cat "$folder/audit")"
}

unbroken whole
broken sft "sft 4/"
broken reward "reward 2/"
broken first_step "ppo 0/"
broken third_step "ppo 3/"
"$TROUPE" topology "$folder/third_step" | grep -q "before: pid [0-9]* on .* UTC, lost" || fail "no earlier process is shown"
"$TROUPE" topology "$folder/third_step" --at 1 >"$folder/at1" || fail "step 1 is not shown after resuming"
grep -q "running, step 1," "$folder/at1" || fail "step 1 is shown as: $(grep pid "$folder/at1")"
"$TROUPE" topology "$folder/third_step" --at 1 --critical-path >"$folder/path" || fail "no critical path of step 1"
broken one_process "ppo 2/" --set cluster.one_process=true

ended=$("$TROUPE" rlhf --resume "$folder/third_step") || fail "resuming a run that has ended failed"
[[ $ended == *"ended at step 4"*"sha256 $hash"* ]] || fail "resuming a run that has ended said: $ended"
refused=$("$TROUPE" rlhf --resume "$folder/third_step" --set actor.optim.lr=1 2>&1)
[[ $? == 2 && $refused == *"actor.optim.lr=1"* ]] || fail "a change of the learning rate was not refused: $refused"
checkpoint=$(echo "$folder"/third_step/checkpoints/step-000004)
printf '\xff' | dd of="$checkpoint/optimizer-00001-of-00002.safetensors" bs=1 seek=4000 conv=notrunc status=none
flipped=$("$TROUPE" rlhf --resume "$folder/third_step" 2>&1)
[[ $? == 1 && $flipped == *"optimizer-00001-of-00002.safetensors"* ]] || fail "a flipped byte was not named: $flipped"

small+=(--set model.dtype=bf16)  # its f32 masters come from the checkpoint too
unbroken whole_bf16
broken bf16 "ppo 3/"
exit $failed
