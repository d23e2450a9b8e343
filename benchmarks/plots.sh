#!/bin/bash
# plots.sh [--threads N] [--model FILE] [--out FOLDER] [--most TOKENS] [--tiny]
# Two pictures and their numbers in FOLDER (default docs/pictures): training_time.{tsv,svg}, the seconds of a step, forward
# and backward with recompute: layer, of packs of 4K to 128K tokens, which grow in a straight line where documents stay
# as long as they are; and decode_throughput.{tsv,svg}, tokens a second of 1 to 256 sequences. bf16. --tiny takes next to
# nothing. Each number is the middle one of three rounds, of one round from 32K tokens on. 128K tokens take 12 GB and
# most of the quarter of an hour that all takes; --most ends with a smaller pack.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
threads=2 model=models/SmolLM2-135M-Instruct.Q4_1.gguf out=docs/pictures most=131072 tiny=''
while (($#)); do
  case $1 in
    --threads | --model | --out | --most) declare "${1#--}=$2" && shift ;;
    --tiny) tiny=yes ;;
    *) sed -n '2,7s/^# //p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
work=$(mktemp -d)
trap 'kill "${process[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
source benchmarks/pairs.sh

# middle_rate ROUNDS REQUEST: the middle of so many rounds, seconds a token in $rate.
middle_rate() {
  local round
  for ((round = 0; round < $1; ++round)); do
    ask ours "$2"
    echo "$rate"
  done >"$work/rates"
  rate=$(quantile 0.5 <"$work/rates")
}

training_time() {
  local tokens
  printf 'tokens\tseconds\tseconds a token\n'
  for tokens in $([[ $tiny ]] && echo 8 16 || echo 4096 8192 16384 32768 65536 131072); do
    ((tokens <= most)) || break
    middle_rate $((tokens < 32768 ? 3 : 1)) "documents bf16 $tokens"
    awk -v tokens=$tokens -v rate="$rate" 'BEGIN { printf "%d\t%.4f\t%.7f\n", tokens, rate * tokens, rate }'
  done
}

decode_throughput() {
  local sequences
  printf 'sequences\ttokens a second\n'
  for sequences in $([[ $tiny ]] && echo 1 2 || echo 1 2 4 8 16 32 64 128 256); do
    middle_rate 3 "decode bf16 $sequences $([[ $tiny ]] && echo 2 || echo 64)"
    awk -v sequences=$sequences -v rate="$rate" 'BEGIN { printf "%d\t%.1f\n", sequences, 1 / rate }'
  done
}

# draw NAME SETTING...: NAME.tsv as NAME.svg.
draw() {
  local name=$1
  shift
  awk "${@/#/-v}" -f benchmarks/plot.awk "$out/$name.tsv" >"$out/$name.svg"
}

mkdir -p "$out"
start ours "$build/model_bench" "$model" "$threads"
decode_throughput | tee "$out/decode_throughput.tsv"
draw decode_throughput 'title=Tokens a second by sequences that decode together (bf16)' doubling=1
training_time | tee "$out/training_time.tsv"
draw training_time 'title=Seconds of a training step by tokens of its pack (bf16, recompute: layer)' straight=1
stop ours
