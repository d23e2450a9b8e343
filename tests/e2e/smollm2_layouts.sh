#!/bin/bash
# Two steps of PPO on the real model: one process, three tensor ranks, three pipeline ranks, and two data ranks of two
# pipeline ranks each end with the same weights. More than 16 GB should be free.
# TIMEOUT 1800
# LABELS slow model
# shellcheck source-path=SCRIPTDIR
if ! why=$(tools/fetch_model.sh smollm2-135m-instruct 2>&1); then
  echo "skipped: the model cannot be had: ${why##*$'\n'}"
  exit 77
fi
source tests/e2e/small_run.bash

# train NAME SETTING...: prints the policy's hash.
train() {
  local name=$1
  shift
  "$TROUPE" rlhf configs/smollm2_sentiment.yaml --set run.dir="$folder/$name" cluster.one_process=true \
    numerics.data_slices=2 trainer.total_steps=2 trainer.eval_prompts=0 rollout.n=2 rollout.prompts_per_step=4 \
    rollout.max_new_tokens=16 "$@" >"$folder/$name.log" 2>&1 || cat "$folder/$name.log" >&2
  sed -n 's/^sha256 //p' "$folder/$name.log"
  rm -rf "${folder:?}/$name"
}

one=$(train one)
[[ $one =~ ^[0-9a-f]{64}$ ]] || fail "no hash of one process: '$one'"
for layout in 'parallel.tensor=3' 'parallel.pipeline=3' 'parallel.pipeline=2 parallel.data=2'; do
  read -ra settings <<<"$layout"
  hash=$(train laid_out "${settings[@]}")
  [[ $hash == "$one" ]] || fail "$layout: $hash, one process: $one"
done
exit $failed
