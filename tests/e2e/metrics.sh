#!/bin/bash
# A run's metrics elsewhere: scraped by HTTP while it goes on, and as TensorBoard's event files, also after --resume.
# TIMEOUT 120
source tests/e2e/small_run.bash
trap 'kill ${RUN_PID:-} 2>/dev/null; rm -rf "$folder"' EXIT

# said_until TEXT: reads what the run says up to a line that starts so; the line is $said.
said_until() {
  while read -r -t 60 -u "${RUN[0]}" said; do
    [[ $said == "$1"* ]] && return
  done
  fail "the run never said $1: $(cat "$folder/err")"
}

# scrape: what http://127.0.0.1:$port/metrics answers now.
scrape() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  tr -d '\r' <&3
  exec 3>&-
}

# in_file PHASE STEP NAME: the value in metrics.jsonl. scraped PHASE NAME: the value in $answer.
in_file() {
  grep "\"phase\":\"$1\".*\"training/global_step\":$2[,}]" "$folder/run/metrics.jsonl" | grep -o "\"$3\":[^,}]*" | sed 's/.*://'
}
scraped() {
  sed -n "s|^troupe_$2{phase=\"$1\"} ||p" <<<"$answer"
}

coproc RUN { exec "$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set trainer.total_steps=2000 \
  'trainer.logger=[tensorboard]' trainer.prometheus_address=127.0.0.1:0 run.dir="$folder/run" 2>"$folder/err"; }
said_until "metrics at http://127.0.0.1:"
port=${said#metrics at http://127.0.0.1:}
port=${port%/metrics}
said_until "ppo 2/"
answer=$(scrape)
[[ $answer == "HTTP/1."*" 200 OK"* ]] || fail "the endpoint says: $answer"
step=$(scraped ppo training_global_step)
[[ $step -ge 1 && $(scraped ppo total_steps) == 2000 && $(scraped sft training_global_step) == 8 ]] || fail "step $step: $answer"
for of in "ppo $step actor/pg_loss" "ppo $step critic/score/mean" "ppo $step timing_s/step" "sft 8 train/loss" "reward 4 train/accuracy"; do
  read -r phase at name <<<"$of"
  awk -v a="$(scraped "$phase" "${name//\//_}")" -v b="$(in_file "$phase" "$at" "$name")" \
    'BEGIN { exit !(a != "" && b != "" && (a - b) ^ 2 <= (1e-9 * b) ^ 2) }' ||
    fail "$of: scraped $(scraped "$phase" "${name//\//_}"), in the file $(in_file "$phase" "$at" "$name")"
done
for metric in handled_messages_total busy_seconds_total; do
  for actor in 'address="policy/pp1",kind="stage",node="trainer-1"' 'address="coordinator",kind="coordinator",node="office"'; do
    value=$(sed -n "s|^troupe_$metric{$actor} ||p" <<<"$answer")
    awk -v v="$value" 'BEGIN { exit !(v > 0) }' || fail "$metric of $actor is '$value'"
  done
done
grep -q '^troupe_mailbox_depth{address="ledger",kind="ledger",node="office"} [0-9]' <<<"$answer" || fail "no mailbox depth: $answer"

# Another run that wants the same port is refused before anything is made or started.
refused=$("$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" --set run.dir="$folder/second" trainer.prometheus_address=127.0.0.1:"$port" 2>&1)
[[ $? == 2 && $refused == "troupe: error: trainer.prometheus_address = 127.0.0.1:$port: cannot listen there: Address already in use"* ]] ||
  fail "a port in use: $refused"
[[ $(wc -l <<<"$refused") -le 8 && ! -e $folder/second ]] || fail "a port in use: $refused, $(ls "$folder")"

kill -INT "$RUN_PID"
wait "$RUN_PID" 2>/dev/null
port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
port_is_open && fail "the port is open after the run's end"

# The event file that a run goes on with has each step of metrics.jsonl once, and it is the only one.
events=("$folder"/run/tensorboard/events.out.tfevents.*)
[[ ${#events[@]} == 1 ]] || fail "event files: ${events[*]}"
saved=("$folder"/run/checkpoints/step-*[0-9])
step=$((10#${saved[-1]##*-} + 1))
timeout 100 "$TROUPE" rlhf --resume "$folder/run" --set run.stop_after_step=$step trainer.prometheus_address= >"$folder/out" 2>&1 ||
  fail "the run did not go on: $(tail -n 5 "$folder/out")"
grep -q "metrics at" "$folder/out" && fail "an endpoint that is off is shown"
next=("$folder"/run/tensorboard/events.out.tfevents.*)
[[ ${#next[@]} == 1 && ${next[0]} != "${events[0]}" ]] || fail "event files: ${next[*]}"
while read -r name in_lines; do
  lines=$(grep -c "$in_lines" "$folder/run/metrics.jsonl")
  found=$(grep -aoF "$name" "${next[0]}" | wc -l)
  [[ $lines -gt 0 && $found == "$lines" ]] || fail "$name: $found events for $lines lines of metrics.jsonl"
done <<'END'
sft/train/loss "phase":"sft"
reward/train/loss "phase":"reward"
actor/pg_loss "actor/pg_loss"
END
exit $failed
