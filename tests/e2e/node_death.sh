#!/bin/bash
# A node that is killed or falls silent ends the run soon, with its name and its log's end, and no process stays;
# nor does any when the launcher is killed.
# TIMEOUT 120
set -uo pipefail
folder=$(mktemp -d)
failed=0
launcher=
cleanup() {
  [[ -n $launcher ]] && kill -9 "$launcher" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT
# Every process of a run inherits the writing end of this pipe: it ends when the last of them has.
mkfifo "$folder/alive" "$folder/out"

fail() {
  echo "$*"
  failed=1
}

# start NAME SETTING...: a run that would take long, in the background, until it is in the midst of PPO.
start() {
  run=$folder/$1
  shift
  local settings=() line
  for setting in sft.steps=2 sft.batch_size=32 reward.steps=2 reward.pairs_per_step=8 reward.pool_prompts=32 \
    reward.statistics_samples=32 rollout.prompts_per_step=16 trainer.total_steps=100000 trainer.eval_prompts=0 \
    run.dir="$run" "$@"; do
    settings+=(--set "$setting")
  done
  cat "$folder/alive" >/dev/null &
  watcher=$!
  "$TROUPE" rlhf configs/quickstart.yaml "${settings[@]}" >"$folder/out" 2>"$folder/err" 9>"$folder/alive" &
  launcher=$!
  exec 8<"$folder/out"
  while IFS= read -r -t 60 line <&8; do
    [[ $line == "ppo 2/"* ]] && break
  done
  [[ $line == "ppo 2/"* ]] || {
    echo "the run did not get to PPO: $(cat "$folder/err")"
    exit 1
  }
  cat <&8 >/dev/null &
}

pid_of() {
  grep -o "node $1 (pid [0-9]*)" "$run/logs/$1.log" | head -n 1 | grep -o '[0-9]*' | tail -n 1
}

seconds_since() {
  awk "BEGIN { print $EPOCHREALTIME - $1 }"
}

# ended STATUS SECONDS WHAT: the launcher ends so within the time, and no process of the run lives then.
ended() {
  local began=$EPOCHREALTIME status took
  wait "$launcher"
  status=$?
  took=$(seconds_since "$began")
  launcher=
  [[ $status == "$1" ]] || fail "$3: status $status, expected $1"
  awk "BEGIN { exit !($took <= $2) }" || fail "$3: the run ended after $took s, the limit is $2"
  began=$EPOCHREALTIME
  wait "$watcher"
  took=$(seconds_since "$began")
  awk "BEGIN { exit !($took <= $2) }" || fail "$3: a process stayed for $took s"
}

# reported NODE TEXT: the first line on stderr names the node and what happened; then come its last log lines.
reported() {
  [[ $(head -n 1 "$folder/err") == "troupe: error: node $1 "*"$2"* ]] || fail "$1: reported first: $(head -n 1 "$folder/err")"
  grep -q "^  | .*node $1 is ready" "$folder/err" || fail "the end of the log of $1 is missing: $(cat "$folder/err")"
  sed -n 2p "$folder/err" | grep -q "logs/$1.log" || fail "the log of $1 is not named second: $(cat "$folder/err")"
}

for node in trainer-1 office; do
  start "kill-$node"
  kill -9 "$(pid_of $node)"
  ended 1 5 "kill -9 of $node"
  reported $node "was killed by signal 9"
done

start stop cluster.heartbeat_limit_seconds=3 cluster.heartbeat_interval_seconds=0.5
kill -STOP "$(pid_of critic)"
ended 1 8 "SIGSTOP of critic"
reported critic "silent since"

start launcher
kill -9 "$launcher"
ended 137 5 "kill -9 of the launcher" 2>/dev/null
exit $failed
