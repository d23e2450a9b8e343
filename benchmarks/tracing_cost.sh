#!/bin/bash
# tracing_cost.sh [PAIRS] [STEPS]   what tracing costs a step of PPO of the quickstart: PAIRS (default 9) of runs, one
# traced as by default and one not, in turn, each of STEPS (default 8) steps of the quickstart's shape after hardly any
# warm-up. Of each run the middle timing_s/step counts, without the first step, and the CPU seconds of all its
# processes; printed are each pair's ratios, traced over not, and their middle and quartiles. $TROUPE is the program.
set -euo pipefail
cd "$(dirname "$0")/.."
pairs=${1:-9}
steps=${2:-8}
troupe=${TROUPE:-build/troupe}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# quantile SHARE: of the numbers on stdin.
quantile() {
  sort -g | awk -v share="$1" '{ x[NR] = $1 } END { at = 1 + (NR - 1) * share; i = int(at); print x[i] + (at - i) * (x[i < NR ? i + 1 : i] - x[i]) }'
}

# measure NAME SETTING...: a run, then "STEP_SECONDS CPU_SECONDS" in $folder/NAME.
measure() {
  local name=$1 cpu TIMEFORMAT='%U %S'
  shift
  cpu=$({ time "$troupe" rlhf configs/quickstart.yaml --set run.dir="$folder/run" sft.steps=1 reward.steps=1 \
    reward.pool_prompts=64 reward.statistics_samples=64 trainer.total_steps="$steps" trainer.save_freq=0 \
    trainer.eval_prompts=0 "$@" >/dev/null; } 2>&1) || { echo "$cpu" >&2; exit 1; }
  echo "$(grep '"actor/pg_loss"' "$folder/run/metrics.jsonl" | tail -n +2 | grep -o '"timing_s/step":[^,}]*' | cut -d: -f2 | quantile 0.5)" \
    "$(awk '{ print $1 + $2 }' <<<"$cpu")" >"$folder/$name"
  rm -r "$folder/run"
}

echo "pair  step, traced  step, not  ratio  CPU, traced  CPU, not  ratio"
for ((pair = 1; pair <= pairs; ++pair)); do
  order=(on off)
  ((pair % 2)) || order=(off on)
  for which in "${order[@]}"; do
    if [[ $which == on ]]; then measure on; else measure off cluster.trace_interval_seconds=0; fi
  done
  paste -d' ' "$folder/on" "$folder/off" | awk -v pair=$pair -v ratios="$folder/ratios" '{
    printf "%4d %11.3f s %8.3f s %6.3f %10.1f s %7.1f s %6.3f\n", pair, $1, $3, $1 / $3, $2, $4, $2 / $4
    print $1 / $3, $2 / $4 >>ratios
  }'
done
for column in 1 2; do
  values=$(cut -d' ' -f$column "$folder/ratios")
  printf '%s: ratio %.3f (quartiles %.3f, %.3f)\n' "$([[ $column == 1 ]] && echo "step" || echo "CPU seconds")" \
    "$(quantile 0.5 <<<"$values")" "$(quantile 0.25 <<<"$values")" "$(quantile 0.75 <<<"$values")"
done
