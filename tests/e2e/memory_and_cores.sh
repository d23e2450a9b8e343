#!/bin/bash
# What a run's config says of memory and cores: recomputed layers and a node that keeps to one core change no bit, and
# cores that the machine does not have end the run with the node's name.
source tests/e2e/small_run.bash

# with_cores CORES: the quickstart's config in $folder, whose critic keeps to these cores.
with_cores() {
  sed "s/{name: critic}/{name: critic, cores: \"$1\"}/" configs/quickstart.yaml >"$folder/cores.yaml"
  grep -q "cores: \"$1\"" "$folder/cores.yaml" || fail "the quickstart has no node called critic"
}

run_or_stop plain "${tiny[@]}"
core=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
with_cores "$core"
"$TROUPE" rlhf "$folder/cores.yaml" "${tiny[@]}" --set parallel.recompute=layer --set run.dir="$folder/pinned" \
  >"$folder/pinned.out" 2>&1 || fail "the pinned run failed: $(cat "$folder/pinned.out")"
[[ -n $(hash_in "$folder/plain.out") && $(hash_in "$folder/plain.out") == "$(hash_in "$folder/pinned.out")" ]] ||
  fail "other bits: $(cat "$folder/plain.out" "$folder/pinned.out")"

with_cores 4000-4001
"$TROUPE" rlhf "$folder/cores.yaml" "${tiny[@]}" --set run.dir="$folder/nowhere" >"$folder/nowhere.out" 2>&1
[[ $? == 1 ]] || fail "a run on cores that are not there did not fail"
grep -q 'node critic .* cores "4000-4001": this machine has no such cores' "$folder/nowhere.out" ||
  fail "no word of the cores: $(cat "$folder/nowhere.out")"

"$TROUPE" topology "$folder/pinned" | grep -q 'peak memory [0-9]* MiB: .*gradients' ||
  fail "no peak memory: $("$TROUPE" topology "$folder/pinned")"
exit $failed
