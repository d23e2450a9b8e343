#!/bin/bash
# A run whose whole process group is killed at ten random moments, once each, and gone on with ends in the
# unbroken run's model.
# LABELS slow
# TIMEOUT 600
source tests/e2e/small_run.bash
began=$(date +%s%N)
run_or_stop whole "${small[@]}"
whole=$(hash_in "$folder/whole.out")
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
  hash=$(hash_in "$folder/out")
  [[ $hash == "$whole" ]] || {
    echo "killed after $moment_ms of $length_ms ms: $hash instead of $whole: $(tail -n 5 "$folder/out")"
    failed=1
  }
done
exit $failed
