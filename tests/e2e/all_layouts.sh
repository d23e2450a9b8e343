#!/bin/bash
# The full cross product of layouts: pipeline, data, tensor, ZeRO, sequence, recompute and every schedule, f32 and bf16.
# As many processes as there are cores share its cases.
# TIMEOUT 14400
# LABELS slow
set -uo pipefail
folder=$(mktemp -d)
shards=()
trap 'kill "${shards[@]}" 2>/dev/null; rm -rf "$folder"' EXIT
for ((i = 0; i < $(nproc); i++)); do
  GTEST_TOTAL_SHARDS=$(nproc) GTEST_SHARD_INDEX=$i "$(dirname "$TROUPE")/actors_tests" --gtest_also_run_disabled_tests \
    --gtest_filter='*EveryLayoutOfAMeshGivesTheHashOfOneRank*' >"$folder/$i.log" 2>&1 &
  shards+=($!)
done
failed=0
for shard in "${shards[@]}"; do wait "$shard" || failed=1; done
cat "$folder"/*.log
exit $failed
