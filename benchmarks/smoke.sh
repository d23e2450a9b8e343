#!/bin/bash
# smoke.sh   the benchmarks on next to nothing: each row of the tables is there. Times are not looked at.
set -euo pipefail
cd "$(dirname "$0")/.."
model=tests/golden/models/llama_sharded
found=$(benchmarks/run.sh --tiny --pairs 1 --model "$model")
for row in '^\| train bf16 1 4 \| [0-9.]+' '^\| score' '^\| prefill' '^\| decode bf16 1 2 \| [0-9.]+' '^\| grpo bf16 8 2 \| [0-9.]+' \
  '^bf16 4 x 8 .*share of peak' '^\| slices \| bf16 \| [0-9.]+ \| -?[0-9.]+ %' '^\| activations \| [0-9.]+ \| [0-9.]+ \|' \
  '^\| resident at most.* [1-9][0-9]* \| [0-9.]+ \|' '^\| all_reduce f32, 2 processes \| 1 \| [0-9.]+ ' '^\| zbv \| 2 \| 2 \| [0-9.]+ ' "$([[ ! -x ${BUILD:-build}/matmul_bench ]] || echo '^\| dw \| 16 \| 32 \| 32 \| [0-9.]+')" \
  "$([[ ! -x ${BUILD:-build}/matmul_bench ]] || echo '^\| fixed order \| f32 \| [0-9.]+ \| -?[0-9.]+ %')"; do
  grep -qE "$row" <<<"$found" || { printf 'no row is like %s in:\n%s\n' "$row" "$found"; exit 1; }
done

pictures=$(mktemp -d)
trap 'rm -rf "$pictures"' EXIT
benchmarks/plots.sh --tiny --model "$model" --out "$pictures" >/dev/null
for name in training_time decode_throughput; do
  points=$(grep -c '<circle' "$pictures/$name.svg") || true
  [[ $points == 2 ]] || { printf '%s.svg has %s points, of:\n' $name "$points"; cat "$pictures/$name.tsv"; exit 1; }
done
