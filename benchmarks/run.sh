#!/bin/bash
# run.sh [--venv DIR] [--pairs N] [--threads N] [--model FILE] [--only PART] [--match REGEX] [--stream MB] [--tiny]
# Tables of what the kernels and a whole model reach, in parts: kernels against this run's own limits and against oneDNN,
# models in tokens a second, one_order with what the fixed order of additions costs a training step, memory with what a
# long pack was predicted to take and took, collectives with all_reduce between two processes against a plain copy
# and Gloo, and pipelines with how long ranks idle under each schedule. With --venv, a Python environment that holds
# what benchmarks/rivals.txt names, models also against PyTorch, llama.cpp (the fastest of four formats of the same
# weights) and TRL: the ratio is the middle one of N (default 15) alternating pairs of rounds, beside its 10 % and 90 %.
# --match takes only such rows of the models' table; --stream says how much memory the read limit and weights of few
# rows go through (default 4096); --tiny runs all on next to nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
pairs=15 threads=2 model=models/SmolLM2-135M-Instruct.Q4_1.gguf venv='' only='' tiny='' match='' stream=''
while (($#)); do
  case $1 in
    --venv) venv=$(realpath "$2") && shift ;;
    --pairs | --threads | --model | --only | --match | --stream) declare "${1#--}=$2" && shift ;;
    --tiny) tiny=yes ;;
    *) sed -n '2,10s/^# //p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
work=$(mktemp -d)
trap 'kill "${process[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
source benchmarks/pairs.sh
source benchmarks/kernels.sh
source benchmarks/models.sh
source benchmarks/one_order.sh
source benchmarks/memory.sh
source benchmarks/collectives.sh
source benchmarks/pipelines.sh

describe_machine
for part in ${only:-kernels models one_order memory collectives pipelines}; do "${part}_table"; done
