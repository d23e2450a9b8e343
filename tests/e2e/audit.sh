#!/bin/bash
# What troupe audit prints of a run can be checked by anyone: troupe score, on the checkpoint of a trajectory's
# weight version, gives its kept log-probs again, the very same floats.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

run=$folder/run
settings=()
for setting in sft.steps=4 sft.batch_size=32 reward.steps=2 reward.pairs_per_step=8 reward.pool_prompts=32 \
  reward.statistics_samples=32 rollout.prompts_per_step=24 rollout.n=2 trainer.total_steps=3 trainer.save_freq=1 \
  trainer.eval_prompts=0 actor.optim.lr=2e-3 run.dir="$run"; do
  settings+=(--set "$setting")
done
out=$("$TROUPE" rlhf configs/quickstart.yaml "${settings[@]}" 2>&1) || {
  echo "the run failed: $out"
  exit 1
}
"$TROUPE" audit "$run" --trajectories --json >"$folder/audit.jsonl" || exit 1

# column NAME FILE: an array of each line, without its brackets.
column() {
  sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/" "$2"
}

for version in 0 1 2; do
  model=$run/phases/sft
  ((version > 0)) && model=$run/checkpoints/step-00000$version
  lines=$folder/version.jsonl
  grep "\"weight_version\":$version[,}]" "$folder/audit.jsonl" >"$lines"
  rows=$(column token_ids "$lines" | sed 's/.*/[&]/' | paste -sd,)
  echo "{\"tokens\": [$rows]}" >"$folder/tokens.json"
  "$TROUPE" score --model "$model" --tokens "$folder/tokens.json" --json >"$folder/scores.json" || failed=1
  tr -d ' \n' <"$folder/scores.json" | sed 's/.*\[\[//; s/\]\].*//; s/\],\[/\n/g' >"$folder/scores"
  # Nine digits tell floats apart.
  paste -d'|' <(column log_probs "$lines") "$folder/scores" | awk -F'|' -v version=$version '
    {
      n = split($1, kept, ","); m = split($2, again, ",")
      for (i = 1; i <= n; ++i) {
        if (sprintf("%.8e", kept[i]) != sprintf("%.8e", again[m - n + i])) {
          if (!bad++) print "version " version ", line " NR ": kept " kept[i] ", again " again[m - n + i]
        }
      }
      compared += n
    }
    END { if (compared < 48) { print "version " version ": only " compared " tokens"; bad = 1 } exit bad > 0 }' || failed=1
done

[[ $(grep -c '"reward":-\?[0-9]' "$folder/audit.jsonl") == 144 ]] || {
  echo "not every trajectory has a reward"
  failed=1
}
for step in 1 2 3; do
  [[ $(grep "\"step_trained\":$step[,}]" "$folder/audit.jsonl" | grep -c "\"weight_version\":$((step - 1))[,}]") == 48 ]] || {
    echo "step $step was not trained on 48 trajectories of version $((step - 1))"
    failed=1
  }
done
exit $failed
