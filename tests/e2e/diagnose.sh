#!/bin/bash
# `troupe topology --diagnose` on a run that goes on, has a stopped stage, has lost a node, and has ended.
# TIMEOUT 180
source tests/e2e/small_run.bash
trap 'kill -CONT ${stopped:-} 2>/dev/null; kill ${RUN_PID:-} 2>/dev/null; rm -rf "$folder"' EXIT

# start NAME: a run as the coprocess RUN, up to its first step of PPO.
start() {
  run=$folder/$1
  coproc RUN { exec "$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" trainer.total_steps=5000 trainer.save_freq=0 \
    run.dir="$run" 2>"$folder/$1.err"; }
  said_until "ppo 1/"
}

# said_until TEXT: reads what the run says up to a line that starts so.
said_until() {
  while read -r -t 60 -u "${RUN[0]}" said; do
    [[ $said == $1* ]] && return
  done
  fail "the run never said $1"
}

# expect STATUS TEXT...: --diagnose ends so and says all of these; its first line starts with the first.
expect() {
  local status=$1 found out
  shift
  out=$("$TROUPE" topology "$run" --diagnose 2>&1)
  found=$?
  [[ $found == "$status" && $out == "$1"* ]] || fail "status $found, expected $status and '$1': $out"
  for text in "$@"; do
    [[ $out == *"$text"* ]] || fail "no '$text' in: $out"
  done
}

pid_of() {
  "$TROUPE" topology "$run" | sed -n "s/^.*─ $1 (pid \([0-9]*\) .*/\1/p"
}

start stopped
expect 0 "healthy: 6 nodes run"
stopped=$(pid_of trainer-1)
kill -STOP "$stopped"
for _ in $(seq 100); do # until its neighbour has noted that it waits, in training or before it
  said=$("$TROUPE" topology "$run" --diagnose)
  grep -q "waits for \(policy/pp1\|rollout\)" <<<"$said" && break
done
expect 3 "waiting: node trainer-1 (pid $stopped) is stopped since " "it hosts" "policy/pp1" " waits for " ", since "
kill -CONT "$stopped"
kill -INT "$RUN_PID"
wait "$RUN_PID" 2>/dev/null

start killed
victim=$(pid_of judge)
kill -KILL "$victim"
wait "$RUN_PID" 2>/dev/null
expect 4 "dead: node judge (pid $victim) was killed by signal 9 (Killed) at " "had handled" "is ready"
"$TROUPE" topology "$run" >"$folder/tree"
grep -A1 " judge (pid $victim on .*, lost" "$folder/tree" | grep -q "was killed by signal 9 (Killed)" ||
  fail "the tree does not tell how judge ended: $(grep -A1 judge "$folder/tree")"
grep -q "^troupe: error: node judge" "$folder/killed.err" || fail "the run named another failure: $(cat "$folder/killed.err")"

"$TROUPE" topology "$folder" --diagnose >/dev/null 2>"$folder/none"
[[ $? == 2 && $(cat "$folder/none") == *"is no folder of a run"* ]] || fail "no run: $(cat "$folder/none")"
exit $failed
