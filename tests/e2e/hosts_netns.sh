#!/bin/bash
# One training over three hosts, which are three network namespaces with cables between them, 5 ms long where the
# kernel can delay packets: a pipeline stage on each gives the bits of one process; a host that does not answer, that
# is cut off, or that runs another program is refused or missed by name, each within a deadline.
# TIMEOUT 240
# LABELS slow
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash
declare -A space=([a]=troupe-a-$$ [b]=troupe-b-$$ [c]=troupe-c-$$) address=([a]=10.78.0.1 [b]=10.78.0.2 [c]=10.78.0.3)
pids=()

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
  kill -9 "${pids[@]}" 2>/dev/null
  for name in "${space[@]}"; do ip netns del "$name" 2>/dev/null; done # its links go with it
  rm -rf "$folder"
}
trap clean_up EXIT

# on HOST COMMAND...: with that host's network; `ip -n` would remount /, which a chroot has not.
on() {
  local host=$1
  shift
  nsenter --net="/run/netns/${space[$host]}" "$@"
}

# start HOST OUTPUT ARGUMENT...: that host's troupe in the background, in the host's own folder, its process in $!.
start() {
  local host=$1 output=$2
  shift 2
  nsenter --net="/run/netns/${space[$host]}" env -C "$folder/$host" "$TROUPE" "$@" >"$folder/$output.out" 2>&1 &
  pids+=($!)
}

# cable HOST HOST: each sees the other's one address at the other end.
cable() {
  ip link add "to-$2" netns "${space[$1]}" type veth peer name "to-$1" netns "${space[$2]}" || return
  for ends in "$1 $2" "$2 $1"; do
    read -r here there <<<"$ends"
    on "$here" ip addr add "${address[$here]}/32" dev "to-$there"
    on "$here" ip link set "to-$there" up
  done
  on "$1" ip route add "${address[$2]}" dev "to-$2" src "${address[$1]}"
  on "$2" ip route add "${address[$1]}" dev "to-$1" src "${address[$2]}"
}

make_hosts() {
  for name in "${space[@]}"; do ip netns add "$name" || return; done
  cable a b && cable a c && cable b c && on a true
}
if ! make_hosts 2>"$folder/refused"; then
  echo "skipped, no network namespaces here: $(cat "$folder/refused")"
  exit 77
fi
for host in a b c; do on $host ip link set lo up; done
for ends in "a b" "b a"; do
  read -r here there <<<"$ends"
  on "$here" tc qdisc add dev "to-$there" root netem delay 5ms 2>"$folder/refused" ||
    echo "no delay from $here to $there, this kernel has no netem: $(cat "$folder/refused")"
done

# A stage on each host, and the other roles spread over them.
nodes='[{name: trainer-0, member: host-a}, {name: trainer-1, member: host-b}, {name: judge, member: host-c},
  {name: critic, member: host-b}, {name: office, member: host-a}]'
spread=(cluster.nodes="$nodes" roles.policy.stages='[trainer-0, trainer-1, judge]')

# run_on NAME SETTING...: a small run on the cluster, in the background.
run_on() {
  local name=$1
  shift
  start a "$name" rlhf "$PWD/configs/quickstart.yaml" --cluster 10.78.0.1:7433 --secret-file "$secret" "${small[@]}" \
    "${spread[@]}" run.dir="$folder/$name" "$@"
}

run_or_stop alone "${small[@]}" cluster.one_process=true
secret=$folder/cluster/secret
mkdir "$folder/a" "$folder/b" "$folder/c"
for host in a b c; do cp -r "$(sed -n 's/^checkpoint //p' "$folder/alone.out")" "$folder/$host/model"; done
echo >>"$folder/b/model/config.json"
start a cluster launch "$PWD/configs/cluster.yaml" --set listen=10.78.0.1:7433 dir="$folder/cluster" \
  heartbeat_limit_seconds=6 \
  nodes='[{name: host-a, start: by_itself}, {name: host-b, start: by_itself}, {name: host-c, start: by_itself}]'
cluster=$!
await "Ctrl-C stops it" "$folder/cluster.out"
for host in a b c; do
  start $host host-$host node --join 10.78.0.1:7433 --secret-file "$secret" --name host-$host
  last=$!
  await "node host-$host joined" "$folder/cluster.out"
done

run_on three
wait $! || fail "over three hosts: $(cat "$folder/three.out")"
[[ $(hash_in "$folder/three.out") == "$(hash_in "$folder/alone.out")" ]] || fail "other bits: $(cat "$folder/three.out")"
grep -q "host-a: trainer-0.* host-b: trainer-1.* host-c: judge" "$folder/three.out" ||
  fail "not spread: $(cat "$folder/three.out")"

# Groups that sum together lie on two hosts.
for layout in tensor data; do
  run_on $layout parallel.pipeline=1 parallel.$layout=2 roles.policy.stages='[trainer-1, judge]'
  wait $! || fail "$layout ranks on two hosts: $(cat "$folder/$layout.out")"
  [[ $(hash_in "$folder/$layout.out") == "$(hash_in "$folder/alone.out")" ]] ||
    fail "other bits with $layout ranks on two hosts: $(cat "$folder/$layout.out")"
done

# Nobody listens there; nobody is there, so that what is sent vanishes.
out=$(on b timeout 20 "$TROUPE" node --join 10.78.0.3:7433 --name host-d --secret-file "$secret" 2>&1)
[[ $? == 1 && $out == *"no cluster answers at 10.78.0.3:7433"* ]] || fail "a port without a listener: $out"
on b ip route add 10.78.0.9 dev to-a
on b ip neigh add 10.78.0.9 lladdr 02:00:00:00:00:09 dev to-a
for arguments in "node --name host-d --join 10.78.0.9:7433" "rlhf configs/quickstart.yaml --cluster 10.78.0.9:7433"; do
  # shellcheck disable=SC2086
  out=$(on b timeout 30 "$TROUPE" $arguments --secret-file "$secret" 2>&1)
  status=$?
  [[ $status == [12] && $out == *"no cluster answers at 10.78.0.9:7433"* ]] || fail "$arguments: status $status, $out"
done

# Another program, here one with a byte more, is refused by the cluster; another model, by the run's start.
cp "$TROUPE" "$folder/other" && echo >>"$folder/other"
out=$(on b timeout 20 "$folder/other" node --join 10.78.0.1:7433 --name host-d --secret-file "$secret" 2>&1)
[[ $? == 1 && $out == *"host-d runs another troupe: the checksum of its program is "*", of the cluster's "* ]] ||
  fail "another program: $out"
out=$(on b timeout 20 "$folder/other" rlhf configs/quickstart.yaml --cluster 10.78.0.1:7433 --secret-file "$secret" \
  "${small[@]}" "${spread[@]}" run.dir="$folder/never" 2>&1)
[[ $? == [12] && $out == *"run runs another troupe"* && ! -e $folder/never ]] || fail "a run of another program: $out"

run_on differing model.path=/proc/self/cwd/model # of the folder in which the host's node was started
wait $!
status=$?
differ='node (trainer-1|critic) .*the model .* has the fingerprint [0-9a-f]{16}, where the run started it has [0-9a-f]{16}'
[[ $status == 1 && $(cat "$folder/differing.out") =~ $differ ]] || fail "another model on host b: $(cat "$folder/differing.out")"

# The cable between two stages, each of which still reaches the cluster, is pulled while a run goes on: for a moment,
# which changes nothing; for good, which both ends notice.
pull() { on c ip link set to-b down; }
plug() { on c ip link set to-b up && on c ip route add "${address[b]}" dev to-b src "${address[c]}"; }
run_on blip cluster.heartbeat_limit_seconds=10
run=$!
await '"phase":"ppo"' "$folder/blip/metrics.jsonl"
pull
sleep 1 # as long as the cable is out
plug
wait $run || fail "a cable was out for a second: $(cat "$folder/blip.out")"
[[ $(hash_in "$folder/blip.out") == "$(hash_in "$folder/alone.out")" ]] || fail "other bits: $(cat "$folder/blip.out")"
run_on parted trainer.total_steps=100000 cluster.heartbeat_limit_seconds=4
run=$!
await '"phase":"ppo"' "$folder/parted/metrics.jsonl"
pull
pulled=$SECONDS
timeout 60 tail --pid=$run -f /dev/null || fail "two hosts are parted, and the run goes on: $(cat "$folder/parted.out")"
lost='lost its actor transport: its link to node (trainer-1|judge|critic) at tcp://10\.78\.0\.[23]:[0-9]+ broke'
wait $run
[[ $? == 1 && $(cat "$folder/parted.out") =~ $lost ]] || fail "two hosts are parted: $(cat "$folder/parted.out")"
echo "two hosts that were parted were missed after $((SECONDS - pulled)) s"
plug

# A host's cables are pulled while a run goes on: the run names a node there and ends; so do the host and its processes.
run_on cut trainer.total_steps=100000 cluster.heartbeat_limit_seconds=6
run=$!
await '"phase":"ppo"' "$folder/cut/metrics.jsonl"
for cable in to-a to-b; do on c ip link set $cable down; done
pulled=$SECONDS
wait $run
[[ $? == 1 && $(cat "$folder/cut.out") == *judge* && $((SECONDS - pulled)) -lt 40 ]] ||
  fail "a host was cut off, $((SECONDS - pulled)) s: $(cat "$folder/cut.out")"
echo "a host that was cut off was missed after $((SECONDS - pulled)) s"
await "node host-c was silent for more than 6 s" "$folder/cluster.out"
timeout 60 tail --pid="$last" -f /dev/null || fail "the host that was cut off goes on: $(cat "$folder/host-c.out")"

kill -INT $cluster
wait $cluster || fail "the cluster did not end well: $(cat "$folder/cluster.out")"
exit $failed
