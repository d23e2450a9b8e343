#!/bin/bash
# A resident cluster of real processes: runs on it, one after another and two at once, give the same bits as runs of
# their own; it listens on loopback alone and lets nobody in without its secret; a node that is killed is named by the
# run, and started again; Ctrl-C ends everything in order.
# TIMEOUT 300
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash
trap 'kill -9 ${cluster:-} ${run:-} 2>/dev/null; rm -rf "$folder"' EXIT # of no effect on what has ended

# start_cluster NAME SETTING...: its output in $folder/NAME.out, its process in $cluster, its address in $address.
start_cluster() {
  local name=$1
  shift
  "$TROUPE" launch configs/cluster.yaml --set listen=127.0.0.1:0 dir="$folder/$name" "$@" >"$folder/$name.out" 2>&1 &
  cluster=$!
  await "node node-0 joined" "$folder/$name.out"
  await "node node-1 joined" "$folder/$name.out"
  address=$(sed -n 's/^cluster \([^,]*\),.*/\1/p' "$folder/$name.out")
  on=(--cluster "$address" --secret-file "$folder/$name/secret")
}

# run_on NAME SETTING...: a small run on the cluster.
run_on() {
  local name=$1
  shift
  timeout 100 "$TROUPE" rlhf configs/quickstart.yaml "${on[@]}" "${small[@]}" --set run.dir="$folder/$name" "$@" \
    >"$folder/$name.out" 2>&1
}

# No process of the cluster or its runs is left.
expect_nothing_left() {
  local left
  left=$(find /proc/[0-9]*/fd -lname "$folder/*" 2>/dev/null | cut -d/ -f3 | sort -u | xargs -rI@ ps -o pid=,args= -p @)
  [[ -z $(grep -v ' tail -n' <<<"$left") ]] || fail "processes stayed: $left"
}

run_or_stop alone "${small[@]}"
expected=$(hash_in "$folder/alone.out")

start_cluster first
for name in once again; do
  run_on "$name" || fail "run $name: $(cat "$folder/$name.out")"
  [[ $(hash_in "$folder/$name.out") == "$expected" ]] || fail "run $name has other bits: $(cat "$folder/$name.out")"
done
run_on left & left=$!
run_on right & right=$!
wait "$left" "$right"
for name in left right; do
  [[ $(hash_in "$folder/$name.out") == "$expected" ]] || fail "run $name has other bits: $(cat "$folder/$name.out")"
done

# Nobody enters without the secret, in either direction.
head -c 64 /dev/zero | tr '\0' 0 >"$folder/wrong" && chmod 600 "$folder/wrong"
out=$(timeout 20 "$TROUPE" node --join "$address" --name intruder --secret-file "$folder/wrong" --log "$folder/intruder.log" 2>&1)
[[ $? == 1 && $out == *"has another secret than ours"* ]] || fail "joined without the secret: $out"
out=$(timeout 20 "$TROUPE" rlhf configs/quickstart.yaml --cluster "$address" --secret-file "$folder/wrong" \
  --set run.dir="$folder/intruder" 2>&1)
[[ $? == 1 && $out == *"has another secret than ours"* && ! -e $folder/intruder ]] || fail "ran without the secret: $out"
out=$(timeout 20 "$TROUPE" launch configs/cluster.yaml --set listen="$address" dir="$folder/taken" 2>&1)
[[ $? == 2 && $out == *"listen = $address: cannot be listened on"* ]] || fail "a port in use: $out"

# While a run goes on: what listens, and what the topology shows.
run_on long trainer.total_steps=100000 & run=$!
await '"phase":"ppo"' "$folder/long/metrics.jsonl"
pids=$(find /proc/[0-9]*/exe -lname "$(readlink -f "$TROUPE")" 2>/dev/null | cut -d/ -f3 | paste -sd'|')
listening=$(ss -Hltnp | grep -E "pid=($pids)," | awk '{print $4}')
[[ -n $listening && -z $(grep -v '^127\.0\.0\.1:' <<<"$listening") ]] || fail "listens elsewhere: $listening"
out=$("$TROUPE" topology "${on[@]:0:4}")
[[ $out == *"node-0 "*"ready"*"of 16 slots"*"$folder/long  running"*"coordinator"* ]] || fail "topology: $out"
out=$("$TROUPE" topology "${on[@]:0:4}" --json)
[[ $out == *'"members"'* && $out == *'"address": "policy/pp0'* && $out == *'"edges"'* ]] || fail "topology --json: $out"

# A node of the cluster is killed: the run says so and ends, the node comes again, and the next run goes well.
member=$(sed -n 's/^node node-0 joined: process \([0-9]*\) .*/\1/p' "$folder/first.out")
kill -9 "$member"
wait "$run"
[[ $? == 1 && $(cat "$folder/long.out") == *"killed by signal 9"* ]] || fail "a killed node: $(cat "$folder/long.out")"
await "node node-0 was killed by signal 9 (Killed); started again" "$folder/first.out"
run_on afterwards || fail "after a killed node: $(cat "$folder/afterwards.out")"
[[ $(hash_in "$folder/afterwards.out") == "$expected" ]] || fail "after a killed node the bits differ"

# Ctrl-C: the run ends in order first, then the cluster.
run_on stopped trainer.total_steps=100000 & run=$!
await '"phase":"ppo"' "$folder/stopped/metrics.jsonl"
kill -INT "$cluster"
wait "$run"
[[ $? == 1 && $(cat "$folder/stopped.out") == *"is being stopped"*"--resume"* ]] || fail "stopped: $(cat "$folder/stopped.out")"
wait "$cluster" || fail "the cluster did not end well: $(cat "$folder/first.out")"
[[ $(tail -1 "$folder/first.out") == "the cluster has stopped" ]] || fail "$(cat "$folder/first.out")"
expect_nothing_left

# A node that ssh starts, here by a program of that name that runs what it is told on this host.
mkdir "$folder/bin"
printf '#!/bin/bash\necho "$@" >%q\nexec bash -c "${@: -1}"\n' "$folder/ssh.arguments" >"$folder/bin/ssh"
chmod +x "$folder/bin/ssh"
PATH=$folder/bin:$PATH start_cluster far --set nodes.1.start=ssh nodes.1.host=me@localhost nodes.1.program="$TROUPE" \
  nodes.1.working_dir="$PWD"
[[ $(cat "$folder/ssh.arguments") == *"BatchMode=yes"*"me@localhost"*"'node' '--join' '$address' '--name' 'node-1'"* ]] ||
  fail "ssh was asked for $(cat "$folder/ssh.arguments")"
run_on by_ssh || fail "a run on a node that ssh started: $(cat "$folder/by_ssh.out")"
[[ $(hash_in "$folder/by_ssh.out") == "$expected" ]] || fail "on a node that ssh started the bits differ"
kill -INT "$cluster"
wait "$cluster" || fail "a cluster with ssh did not end well"
expect_nothing_left

# The cluster itself is killed: the run says so, and nothing of it is left.
start_cluster killed
run_on orphaned trainer.total_steps=100000 & run=$!
await '"phase":"ppo"' "$folder/orphaned/metrics.jsonl"
kill -9 "$cluster"
wait "$run"
[[ $? == 1 && $(cat "$folder/orphaned.out") == *"was lost: the cluster $address is gone"*"--resume"* ]] ||
  fail "without its cluster: $(cat "$folder/orphaned.out")"
expect_nothing_left
step=$(find "$folder/orphaned/checkpoints" -name 'step-*[0-9]' 2>/dev/null | sort | tail -1)
timeout 60 "$TROUPE" rlhf --resume "$folder/orphaned" --set run.stop_after_step=$((${step:+10#${step##*-} +} 1)) >"$folder/resumed.out" 2>&1 ||
  fail "on its own again: $(cat "$folder/resumed.out")"

# One slot a node is too few for the quickstart's five nodes.
start_cluster small --set slots=1
out=$(timeout 20 "$TROUPE" rlhf configs/quickstart.yaml "${on[@]}" --set run.dir="$folder/never" 2>&1)
[[ $? == 2 && $out == *"never has room; its slots: node-0 1, node-1 1"* && ! -e $folder/never ]] || fail "no room: $out"
kill -INT "$cluster"
wait "$cluster" || fail "an idle cluster did not end well"
expect_nothing_left
exit $failed
