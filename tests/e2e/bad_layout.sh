#!/bin/bash
# Layouts that cannot be: each is refused before the run has a folder, by the key and the values that do not fit.
# TIMEOUT 120
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck source-path=SCRIPTDIR
source tests/e2e/refused.bash

# cannot_be TEXT SETTING...: of the quickstart's model, which has 5 layers and 2 key and value heads, on 2 nodes.
cannot_be() {
  local text=$1
  shift
  refused 2 "$text" rlhf configs/quickstart.yaml --set run.dir="$folder/run" "$@"
  [[ ! -e $folder/run ]] || fail "$*: the refused run has a folder"
}

# Degrees that do not divide or align with the slices of the one order.
cannot_be "parallel.tensor = 3: each rank must own a whole subtree of 2 slices (numerics.tensor_slices)" parallel.tensor=3
cannot_be "parallel.tensor = 4: each rank must own a whole subtree of 2 slices (numerics.tensor_slices)" parallel.tensor=4
cannot_be "parallel.data = 3: each rank must own a whole subtree of 8 groups (numerics.data_slices)" parallel.data=3
cannot_be "parallel.data = 16: each rank must own a whole subtree of 8 groups (numerics.data_slices)" parallel.data=16
cannot_be "parallel.data = 4: each rank must own a whole subtree of 6 groups (numerics.data_slices)" parallel.data=4 \
  numerics.data_slices=6
cannot_be "parallel.data = 0: expected an integer, at least 1" parallel.data=0
cannot_be "parallel.zero = 4: expected an integer, at least 0, at most 3" parallel.zero=4
cannot_be "numerics.tensor_slices = 3: does not divide the model's 2 key and value heads" numerics.tensor_slices=3
cannot_be "numerics.tensor_slices = 2: does not cut the model's 322 columns (intermediate_size)" \
  numerics.tensor_slices=2 model.config.intermediate_size=322

# More stages than layers, and nodes than ranks.
cannot_be "parallel.pipeline = 6: 6 stages (1 chunks a rank), but the model has only 5 layers" parallel.pipeline=6
cannot_be "parallel.pipeline = 3: 6 stages (2 chunks a rank), but the model has only 5 layers" parallel.pipeline=3 \
  parallel.schedule=interleaved
cannot_be "parallel.pipeline = 2: 6 stages (3 chunks a rank), but the model has only 5 layers" parallel.chunks=3 \
  parallel.schedule=interleaved
cannot_be "roles.policy.stages: 2 nodes for 1 ranks (parallel.pipeline x data x tensor)" parallel.pipeline=1

# Schedules and their tables.
cannot_be 'parallel.schedule: no schedule "zigzag": there are gpipe, 1f1b, interleaved, zb-h1, zbv' parallel.schedule=zigzag
cannot_be "parallel.chunks: schedule zbv cannot have 1 chunks a rank: from 2 to 2" parallel.schedule=zbv parallel.chunks=1
table() {
  printf %b "$1" >"$folder/table.csv"
  cannot_be "$2" parallel.schedule_table="$folder/table.csv"
}
table 'F0,B0,F1,B1\nF0,F1,B0,B1\n' "rank 0, instruction 2 (B0) waits for rank 1; rank 1, instruction 2 (F1) waits for \
rank 0; which is a circle"
table 'F0,B0,F1,B1\nB0,F0,F1,B1\n' "rank 1, instruction 1 (B0): its forward comes later"
table 'F0,F1,B0,B1\nF0,B0,X1,B1\n' "$folder/table.csv: row 2, column 3: \"X1\" is no instruction"
table 'F0,F1,B0,B1\nF0,B0,F1\n' "rank 1, chunk 0: 2 forwards, 1 backwards"
table 'F0,F1,B0,B1\n' "a table of 1 ranks for 2"
table '' "$folder/table.csv: there is no row in it"
cannot_be "parallel.schedule_table = $folder/none.csv: " parallel.schedule_table="$folder/none.csv"
cannot_be "parallel.schedule_table = $folder: " parallel.schedule_table="$folder"

# A user's own placements.
own() {
  cannot_be "$3" parallel.tensor=2 parallel.plan="[{weights: '$1', placement: $2}]"
}
own '*.q_proj.weight' 'shard(7)' "parallel.plan: shard(7) is no placement"
own '*.p_proj.weight' replicate "parallel.plan: no weight's name matches *.p_proj.weight"
own '*.q_proj.weight' 'shard(1)' "self_attn.q_proj.weight [128, 128]: shard(1) over 2 ranks of the tensor axis is impossible"
own '*.q_proj.weight' replicate "weights that share an input must all be sharded, or none of them: \
model.layers.0.self_attn.q_proj.weight [128, 128] replicate, model.layers.0.self_attn.k_proj.weight [64, 128] shard(0)"
own '*norm.weight' 'shard(0)' "input_layernorm.weight [128]: shard(0) over 2 ranks of the tensor axis is impossible"
exit $failed
