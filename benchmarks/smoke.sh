#!/bin/bash
# smoke.sh   the benchmarks on next to nothing: each row of the tables is there. Times are not looked at.
set -euo pipefail
cd "$(dirname "$0")/.."
found=$(benchmarks/run.sh --tiny --pairs 1 --model tests/golden/models/llama_sharded)
for row in '^\| train bf16 1 4 \| [0-9.]+' '^\| score' '^\| prefill' '^\| decode bf16 1 2 \| [0-9.]+' '^\| grpo bf16 8 2 \| [0-9.]+' \
  '^bf16 4 x 8 .*share of peak' "$([[ ! -x ${BUILD:-build}/matmul_bench ]] || echo '^\| dw \| 16 \| 32 \| 32 \| [0-9.]+')"; do
  grep -qE "$row" <<<"$found" || { printf 'no row is like %s in:\n%s\n' "$row" "$found"; exit 1; }
done
