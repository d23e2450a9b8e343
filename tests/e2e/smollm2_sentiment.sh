#!/bin/bash
# The sentiment run on the real model, small: rollout and training agree in every bit, all metrics are
# numbers, and the nodes' processes and one process end with the same weights. Two models train at once,
# and their checkpoint is copied in memory: more than 8 GB should be free.
# TIMEOUT 1200
# LABELS slow model
set -uo pipefail
if ! why=$(tools/fetch_model.sh smollm2-135m-instruct 2>&1); then
  echo "skipped: the model cannot be had: ${why##*$'\n'}"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# train NAME SETTING...: two steps into $folder/NAME; prints the policy's hash.
train() {
  local name=$1
  shift
  "$TROUPE" rlhf configs/smollm2_sentiment.yaml --set run.dir="$folder/$name" --set trainer.total_steps=2 \
    --set trainer.eval_prompts=2 --set rollout.prompts_per_step=4 --set rollout.max_new_tokens=6 "$@" >"$folder/$name.log" 2>&1 || {
    cat "$folder/$name.log" >&2
    return 1
  }
  sed -n 's/^sha256 //p' "$folder/$name.log"
}

spread=$(train spread) && together=$(train together --set cluster.one_process=true) || exit 1
if [[ ! $spread =~ ^[0-9a-f]{64}$ || $spread != "$together" ]]; then
  echo "the weights' hashes differ: '$spread' in several processes, '$together' in one"
  failed=1
fi
steps=$folder/spread/metrics.jsonl
for metric in training/rollout_log_probs_diff_max training/rollout_probs_diff_max; do
  if [[ $(grep -Ec "\"$metric\":0(\.0)?[,}]" "$steps") != 2 ]]; then
    echo "$metric is not exactly 0 at both steps"
    failed=1
  fi
done
if [[ $(grep -c '"training/rollout_probs_compared":24.0' "$steps") != 2 ]]; then
  echo "not every response token was compared"
  failed=1
fi
for metric in critic/score/mean actor/grad_norm critic/grad_norm actor/reward_kl_penalty; do
  if [[ $(grep -Ec "\"$metric\":-?[0-9]" "$steps") != 2 ]]; then
    echo "$metric is not a number at both steps"
    failed=1
  fi
done
[[ $failed == 0 ]] || cat "$steps"
exit $failed
