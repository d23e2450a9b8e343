#!/bin/bash
# A resident cluster over two hosts, which are two network namespaces with a cable between them: the bits of a run of
# its own; each process listens on its own host's address alone; tensors travel under CURVE.
# TIMEOUT 200
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash
a=troupe-a-$$ b=troupe-b-$$
trap 'kill -9 ${cluster:-} ${node:-} ${run:-} 2>/dev/null; ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$folder"' EXIT
if ! { ip netns add $a && ip netns add $b && ip link add va netns $a type veth peer name vb netns $b &&
  nsenter --net=/run/netns/$a true; } 2>"$folder/refused"; then
  echo "skipped, no network namespaces here: $(cat "$folder/refused")"
  exit 77
fi
for host in "$a va 10.77.0.1" "$b vb 10.77.0.2"; do
  read -r namespace link address <<<"$host"
  inside=(nsenter --net="/run/netns/$namespace" ip) # `ip -n` would remount /, which a chroot has not
  "${inside[@]}" addr add "$address/24" dev "$link"
  "${inside[@]}" link set "$link" up
  "${inside[@]}" link set lo up
done

run_or_stop alone "${small[@]}"
secret=$folder/cluster/secret
nsenter --net=/run/netns/$a "$TROUPE" launch configs/cluster.yaml --set listen=10.77.0.1:7433 dir="$folder/cluster" \
  nodes='[{name: node-0}, {name: node-1, start: by_itself}]' >"$folder/cluster.out" 2>&1 &
cluster=$!
await "node node-0 joined" "$folder/cluster.out"
# As a scheduler would start it: rank and address come from the environment.
SLURM_PROCID=1 SLURM_LAUNCH_NODE_IPADDR=10.77.0.1 TROUPE_SECRET_FILE=$secret nsenter --net=/run/netns/$b "$TROUPE" node \
  >"$folder/node-1.out" 2>&1 &
node=$!
await "node node-1 joined" "$folder/cluster.out"

on=(nsenter --net=/run/netns/$a "$TROUPE" rlhf configs/quickstart.yaml --cluster 10.77.0.1:7433 --secret-file "$secret")
"${on[@]}" "${small[@]}" --set run.dir="$folder/spread" >"$folder/spread.out" 2>&1 ||
  fail "over two hosts: $(cat "$folder/spread.out")"
[[ $(hash_in "$folder/spread.out") == "$(hash_in "$folder/alone.out")" ]] || fail "other bits: $(cat "$folder/spread.out")"
grep -q "node-0: .* node-1: " "$folder/spread.out" || fail "not spread: $(cat "$folder/spread.out")"

"${on[@]}" "${small[@]}" --set run.dir="$folder/long" trainer.total_steps=100000 >"$folder/long.out" 2>&1 &
run=$!
await '"phase":"ppo"' "$folder/long/metrics.jsonl"
for host in "$a 10.77.0.1" "$b 10.77.0.2"; do
  read -r namespace address <<<"$host"
  listening=$(nsenter --net="/run/netns/$namespace" ss -Hltn | awk '{print $4}')
  [[ -n $listening && -z $(grep -v "^$address:" <<<"$listening") ]] || fail "$namespace listens elsewhere: $listening"
done

# What the tensors' sockets answer to a peer that would talk in the clear: that they speak CURVE.
encrypted=0
for port in $(nsenter --net=/run/netns/$b ss -Hltn | awk '{print $4}' | cut -d: -f2); do
  greeting=$(nsenter --net=/run/netns/$b timeout 5 bash -c 'exec 3<>/dev/tcp/10.77.0.2/$1
    printf "\xff\0\0\0\0\0\0\0\1\x7f\3\0" >&3
    head -c 64 <&3 | tr -d "\0"' _ "$port")
  [[ $greeting == *CURVE* ]] && ((++encrypted)) || fail "port $port of host b answers in the clear"
done
((encrypted > 0)) || fail "host b has no socket for tensors"

# The far host goes down with its node: the run names it, and the cluster goes on.
kill -9 $node
wait $run
[[ $? == 1 && $(cat "$folder/long.out") == *"node-1"* ]] || fail "a lost host: $(cat "$folder/long.out")"
await "node node-1 left" "$folder/cluster.out"
kill -INT $cluster
wait $cluster || fail "the cluster did not end well: $(cat "$folder/cluster.out")"
exit $failed
