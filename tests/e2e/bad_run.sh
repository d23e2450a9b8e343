#!/bin/bash
# Folders that a run cannot use, folders that are none of a run, runs that cannot be, and a disk that is full: one
# short message each, nothing lost, no process left.
# TIMEOUT 120
set -uo pipefail
folder=$(mktemp -d)
disk=$folder/disk
mkdir "$disk"
cleanup() {
  umount "$disk" 2>/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT
source tests/e2e/refused.bash

small=(configs/quickstart.yaml --set sft.steps=1 sft.batch_size=8 reward.steps=1 reward.pairs_per_step=4
  reward.pool_prompts=4 reward.statistics_samples=4 rollout.prompts_per_step=8 trainer.total_steps=4
  trainer.save_freq=1 trainer.eval_prompts=0 model.config.hidden_size=64)

echo "kept" >"$folder/file"
refused 2 "run.dir = $folder/file: not a folder" rlhf "${small[@]}" --set run.dir="$folder/file"
refused 2 "run.dir = $folder/file/run: cannot be made: Not a directory" rlhf "${small[@]}" --set run.dir="$folder/file/run"
refused 2 "run.dir = $folder: there is something in it already" rlhf "${small[@]}" --set run.dir="$folder"
[[ $(cat "$folder/file") == kept && $(ls "$folder") == $'disk\nfile' ]] || fail "a refused run changed $(ls "$folder")"

for none in "$folder/nothing" "$folder/file" "$folder"; do
  refused 2 "$none is no folder of a run" topology "$none"
  refused 2 "$none is no folder of a run" audit "$none"
  refused 2 "$none is no folder of a run" rlhf --resume "$none"
  refused 2 "$none: expected a checkpoint" checkpoint verify "$none"
  refused 2 "$none: expected a checkpoint" checkpoint show "$none"
done
for command in topology audit "checkpoint verify" "rlhf --resume"; do
  # shellcheck disable=SC2086  # some are two words
  refused 2 "unknown subcommand '${command%% *}x'" ${command%% *}x
done
refused 2 "unknown subcommand 'checkpoint verfy', did you mean 'verify'" checkpoint verfy "$folder"

run() {
  local name=$1
  shift
  refused 2 "$1" rlhf "${small[@]}" --set run.dir="$folder/$name" "$2"
  [[ ! -e $folder/$name ]] || fail "$name: a run that cannot be has left a folder"
}
run stages "6 stages, but the model has only 5 layers" 'roles.policy.stages=[judge,judge,judge,judge,judge,judge]'
run node "no node of cluster.nodes has this name" 'roles.critic.stages=[nobody]'
run context "has 6 tokens, and the model's context is 8" model.config.max_position_embeddings=8
run prompt "task.max_prompt_length = 3: the prompt" task.max_prompt_length=3
run pack "actor.ppo_max_token_len = 10: the prompt" actor.ppo_max_token_len=10
(umask 077 && head -c 64 /dev/zero | tr '\0' 0 >"$folder/secret")
refused 1 "no cluster answers at 127.0.0.1:9" node --join 127.0.0.1:9 --name a --secret-file "$folder/secret"
refused 1 "no cluster answers at 127.0.0.1:9" topology --cluster 127.0.0.1:9 --secret-file "$folder/secret"
refused 1 "no cluster answers at 127.0.0.1:9" rlhf "${small[@]}" --cluster 127.0.0.1:9 --secret-file "$folder/secret"
refused 2 "--secret-file" rlhf "${small[@]}" --cluster 127.0.0.1:9 --secret-file "$folder/none"
refused 2 "--name" node --join 127.0.0.1:9 --secret-file "$folder/secret"
refused 2 "--join" node --name a --secret-file "$folder/secret"
refused 2 "listen = 0.0.0.0:0" launch configs/cluster.yaml --set listen=0.0.0.0:0 dir="$folder/cluster"
refused 2 "listen = 192.0.2.1:7433: cannot be listened on" launch configs/cluster.yaml --set listen=192.0.2.1:7433 \
  dir="$folder/cluster"
refused 2 "nodes.1.name = node-0: another node has this name" launch configs/cluster.yaml --set nodes.1.name=node-0
refused 2 "nodes.0.host: start ssh needs it" launch configs/cluster.yaml --set nodes.0.start=ssh
refused 2 "secret_file: " launch configs/cluster.yaml --set listen=127.0.0.1:0 dir="$folder/cluster" secret_file="$folder/file"
refused 2 "--join" node --join somewhere --name a --secret-file "$folder/file"
refused 2 "--join" node --join 127.0.0.1:port --name a --secret-file "$folder/file"
refused 2 "$folder/none" node --join 127.0.0.1:9 --name a --secret-file "$folder/none"
refused 2 "$folder/file" node --join 127.0.0.1:9 --name a --secret-file "$folder/file"

mount -t tmpfs -o size=4m tmpfs "$disk" 2>"$folder/mount" || {
  echo "skipped: cannot mount a small file system: $(cat "$folder/mount")"
  [[ $failed == 0 ]] && exit 77
  exit 1
}
for one_process in true false; do
  refused 1 "No space left on device" rlhf "${small[@]}" --set run.dir="$disk/run" \
    --set cluster.one_process=$one_process
  rm -rf "$disk/run"
done

# The disk fills up while a later step is saved, in both layouts.
mount -o remount,size=400m "$disk"
for one_process in true false; do
  run=$disk/run-$one_process
  "$TROUPE" rlhf "${small[@]}" --set run.dir="$run" --set run.stop_after_step=2 >/dev/null ||
    fail "no run on an empty disk"
  refused 2 "run.stop_after_step = 1: the run has passed it, it is at step 2" rlhf --resume "$run" \
    --set run.stop_after_step=1
  head -c 400m /dev/zero >"$disk/filler" 2>/dev/null
  cp "$run/config.yaml" "$folder/config.yaml"
  refused 1 "$run/config.yaml.partial: No space left on device" rlhf --resume "$run" --set run.stop_after_step=0
  cmp "$run/config.yaml" "$folder/config.yaml" || fail "a full disk cost a run its config"
  truncate --size -1M "$disk/filler"
  refused 1 "No space left on device" rlhf --resume "$run" --set run.stop_after_step=0 \
    cluster.one_process=$one_process
  verified=$("$TROUPE" checkpoint verify "$run") && [[ $verified == "$run/checkpoints/step-000002: "*"all as written" ]] ||
    fail "the last good checkpoint: $verified"
  rm "$disk/filler"
  "$TROUPE" rlhf --resume "$run" >"$folder/out" || fail "with room again the run did not go on: $(cat "$folder/out")"
  hash=$(sed -n 's/^sha256 //p' "$folder/out")
  [[ $hash =~ ^[0-9a-f]{64}$ && $hash == "${before:-$hash}" ]] || fail "another model than before: $hash, $before"
  before=$hash
  echo damaged >"$run/ledger/CURRENT"
  rm -r "$run/checkpoints/step-000004"
  refused 1 "cannot open the journal $run/ledger" rlhf --resume "$run"
  rm -r "$run"
done
exit $failed
