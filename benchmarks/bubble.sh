#!/bin/bash
# bubble.sh: the share of a pipeline's time in which its two ranks idle, from the journal of two GRPO steps of a model
# of eight layers, for each schedule. Beside the policy nothing computes meanwhile; two cores should be free.
set -euo pipefail
cd "$(dirname "$0")/.."
troupe=${BUILD:-build}/troupe
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for schedule in gpipe 1f1b interleaved zb-h1 zbv; do
  "$troupe" rlhf configs/quickstart.yaml --set sft.steps=0 reward.steps=1 reward.pairs_per_step=4 \
    reward.pool_prompts=8 reward.statistics_samples=8 trainer.total_steps=2 trainer.eval_prompts=0 \
    algorithm.adv_estimator=grpo rollout.n=2 rollout.prompts_per_step=1024 actor.ppo_max_token_len=2048 \
    model.config.hidden_size=256 model.config.intermediate_size=640 model.config.num_hidden_layers=8 \
    cluster.trace_interval_seconds=0.1 parallel.pipeline=2 parallel.schedule=$schedule \
    run.dir="$folder/$schedule" >"$folder/$schedule.out"
  "$troupe" topology "$folder/$schedule" --html "$folder/page.html" >/dev/null
  echo "$schedule: $(grep -o '"bubble":[0-9.e-]*,"role":"policy"' "$folder/page.html" |
    awk -F'[:,]' '{ printf "%.1f %% ", 100 * $2 }') of the two ranks' time"
done
