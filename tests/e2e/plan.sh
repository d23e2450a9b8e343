#!/bin/bash
# `troupe plan`: what stages run and take, the search over layouts, a schedule's table on its way out and in again, and
# layouts that cannot be.
# TIMEOUT 120
# shellcheck source-path=SCRIPTDIR
source tests/e2e/small_run.bash

plan() {
  "$TROUPE" plan configs/quickstart.yaml --hardware "$folder/hardware.json" "$@" 2>&1
}

# expect TEXT COMMAND...: its output has the text.
expect() {
  local text=$1 out
  shift
  out=$("$@") || true
  grep -qF -- "$text" <<<"$out" || fail "'$text' is not in what '$*' prints: $out"
}

timeout 100 "$TROUPE" bench links --json >"$folder/hardware.json" || fail "troupe bench links failed"
expect 'policy/pp1 ' plan
expect 'policy/dp1/pp0/tp1' plan --set parallel.pipeline=1 parallel.data=2 parallel.tensor=2
expect '"gflop":' plan --json
expect 'the best:' plan --explain --devices-per-host 4
expect 'never: tensor 4: does not align with 2 slices' plan --explain --devices-per-host 4

# Llama 3.1 405B on 128 hosts of eight.
cat >"$folder/405b.yaml" <<'END'
cluster: {nodes: [{name: a}]}
model: {config: {hidden_size: 16384, num_hidden_layers: 126, num_attention_heads: 128, num_key_value_heads: 8, intermediate_size: 53248, max_position_embeddings: 8192, tie_word_embeddings: false}, dtype: bf16}
task: {max_prompt_length: 4096}
rollout: {max_new_tokens: 4096, prompts_per_step: 2048}
actor: {ppo_max_token_len: 8192}
END
out=$(timeout 60 "$TROUPE" plan "$folder/405b.yaml" --explain --hardware h100-80gb --hosts 128 2>&1) || fail "no plan for 405B: $out"
grep -q '1024 devices' <<<"$out" && grep -q 'pipeline 16, data 8, tensor 8' <<<"$out" || fail "another plan for 405B: $out"

# The program as a graph, with its collectives.
plan --set parallel.pipeline=1 parallel.tensor=2 --dot "$folder/program.dot" >/dev/null
grep -q 'all_reduce' "$folder/program.dot" || fail "no collective in the graph"

# A schedule as a table, there and back; and one that waits in a circle.
plan --set parallel.schedule=zb-h1 --csv "$folder/table.csv" --micro-batches 2 >/dev/null
[[ $(head -1 "$folder/table.csv") == F0,F1,I0,* ]] || fail "another table: $(cat "$folder/table.csv")"
run_or_stop made "${tiny[@]}"
for table in table circle; do
  [[ $table == circle ]] && printf 'F0,I0,W0,F1,I1,W1\nF0,F1,I0,W0,I1,W1\n' >"$folder/circle.csv"
  "$TROUPE" rlhf configs/quickstart.yaml "${tiny[@]}" parallel.schedule=zb-h1 parallel.schedule_table="$folder/$table.csv" \
    run.dir="$folder/$table" >"$folder/$table.out" 2>&1
  status=$?
  case $table in
    table) grep -q 'micro-batches, and this batch has\|^sha256' "$folder/table.out" || fail "the table did not run: $(cat "$folder/table.out")" ;;
    circle) [[ $status == 2 ]] && grep -q 'which is a circle' "$folder/circle.out" || fail "the circle was not refused: $(cat "$folder/circle.out")" ;;
  esac
done

# refuse TEXT SETTING...: exit status 2, and the text.
refuse() {
  local text=$1 out
  shift
  out=$(timeout 20 "$TROUPE" rlhf configs/quickstart.yaml --set run.dir="$folder/refused" "$@" 2>&1)
  local status=$?
  [[ $status == 2 ]] && grep -qF -- "$text" <<<"$out" || fail "$*: status $status and not '$text': $out"
}
refuse 'each rank must own a whole subtree of 2 slices (numerics.tensor_slices)' parallel.tensor=4
refuse 'each rank must own a whole subtree of 8 groups (numerics.data_slices)' parallel.data=3
refuse 'but the model has only 5 layers (num_hidden_layers)' parallel.pipeline=6
refuse 'but the model has only 5 layers (num_hidden_layers)' parallel.pipeline=3 parallel.schedule=zbv
refuse 'no schedule "2f2b": there are gpipe, 1f1b, interleaved, zb-h1, zbv' parallel.schedule=2f2b
refuse 'cannot have 3 chunks a rank' parallel.schedule=zbv parallel.chunks=3 parallel.pipeline=1 roles.policy.stages='[trainer-0]'
refuse '2 nodes for 1 ranks' parallel.pipeline=1
refuse 'No such file' parallel.schedule_table=/nowhere.csv
refuse 'shard(1) over 2 ranks of the tensor axis is impossible' parallel.pipeline=1 parallel.tensor=2 \
  'parallel.plan=[{weights: "*.q_proj.weight", placement: shard(1)}]'
refuse 'is no placement' 'parallel.plan=[{weights: "*", placement: everywhere}]'

# A search before the run changes no bit.
run_or_stop found "${tiny[@]}" parallel.auto=true
grep -q '^layout: ' "$folder/found.out" || fail "no layout was looked for"
[[ $(hash_in "$folder/found.out") == "$(hash_in "$folder/made.out")" ]] || fail "another hash after parallel.auto"
exit $failed
