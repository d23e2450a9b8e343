#!/bin/bash
# A run whose whole process group is killed at ten random moments, once each, and gone on with ends in the
# unbroken run's model.
# LABELS slow
# TIMEOUT 600
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

small=(--set sft.steps=8 sft.batch_size=32 reward.steps=4 reward.pairs_per_step=8 reward.pool_prompts=32
  reward.statistics_samples=32 rollout.prompts_per_step=32 trainer.total_steps=4 trainer.save_freq=1
  trainer.eval_prompts=16 actor.optim.lr=2e-3)

began=$(date +%s%N)
whole=$("$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set run.dir="$folder/whole" 2>&1 | sed -n 's/^sha256 //p')
length_ms=$((($(date +%s%N) - began) / 1000000))
[[ $whole =~ ^[0-9a-f]{64}$ ]] || {
  echo "no hash of the unbroken run"
  exit 1
}

for i in $(seq 10); do
  run=$folder/$i
  moment_ms=$((RANDOM * length_ms / 32768))
  setsid "$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set run.dir="$run" >"$folder/out" 2>&1 &
  group=$!
  timeout "$((moment_ms / 1000)).$(printf %03d $((moment_ms % 1000)))" tail --pid=$group -f /dev/null
  kill -KILL -- "-$group" 2>/dev/null
  wait $group 2>/dev/null
  if [[ ! -f $run/config.yaml ]]; then # nothing had begun
    "$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set run.dir="$run" >"$folder/out" 2>&1
  else
    "$TROUPE" rlhf --resume "$run" >"$folder/out" 2>&1
  fi
  hash=$(sed -n 's/^sha256 //p' "$folder/out")
  [[ $hash == "$whole" ]] || {
    echo "killed after $moment_ms of $length_ms ms: $hash instead of $whole: $(tail -n 5 "$folder/out")"
    failed=1
  }
done
exit $failed
