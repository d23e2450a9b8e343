#!/bin/bash
# Rollout engines with weights or a cache in int8: the run goes on, says how far their log-probs are from the trainer's,
# and gives one hash; in whole steps or in chunks, an engine that rounds nothing differs by nothing.
# TIMEOUT 120
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash

# differences NAME: the greatest difference of a log-prob in each step of PPO.
differences() {
  grep -o '"training/rollout_log_probs_diff_max":[^,}]*' "$folder/$1/metrics.jsonl" | sed 's/.*://'
}

# is_rounded NAME SETTING: such a run differs from its trainer by something, but not by much, and again the same.
is_rounded() {
  run_or_stop "$1" "${tiny[@]}" --set "$2"
  run_or_stop "$1_again" "${tiny[@]}" --set "$2"
  differences "$1" | awk '{ bad += !($1 > 0 && $1 < 0.5) } END { exit NR != 2 || bad }' ||
    fail "$2: differences of $(differences "$1")"
  [[ $(hash_in "$folder/$1.out") == "$(hash_in "$folder/$1_again.out")" ]] || fail "$2: two runs, two hashes"
}

is_rounded cache rollout.kv_cache_dtype=int8
is_rounded weights rollout.quantization=int8

run_or_stop whole "${tiny[@]}"
run_or_stop chunks "${tiny[@]}" --set rollout.max_num_batched_tokens=3
[[ $(differences chunks) == $'0.0\n0.0' ]] || fail "reading in chunks differs by $(differences chunks)"
[[ $(hash_in "$folder/chunks.out") == "$(hash_in "$folder/whole.out")" ]] || fail "reading in chunks changes the model"

for setting in rollout.kv_cache_dtype=int4 rollout.quantization=q4_0; do
  out=$("$TROUPE" rlhf configs/quickstart.yaml "${tiny[@]}" --set "$setting" run.dir="$folder/refused" 2>&1)
  status=$?
  [[ $status == 2 && $out == *"${setting#*=}"* && $out == *int8* ]] || fail "$setting: status $status: $out"
done
exit $failed
