# The table of whole models: tokens a second, and against rivals where there are any. run.sh sources this.

# rival PROGRAM ARGUMENTS...: the command line of a rival's program.
rival() {
  local program=$1
  shift
  echo env OMP_NUM_THREADS="$threads" MKL_NUM_THREADS="$threads" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false \
    "$venv/bin/python" -W ignore "benchmarks/rivals/$program.py" "$@"
}

# The rivals' copies of the weights: a Hugging Face folder, and llama.cpp's files.
write_rivals_weights() {
  "${TROUPE:-$build/troupe}" convert "$model" "$work/hf" --dtype f32 >/dev/null
  ln -s "$(realpath "$model")" "$work/Q4_1.gguf"
  for type in Q8_0 F16 BF16; do
    $(rival llama_rival --quantize "$model" "$work/$type.gguf" $type) >/dev/null 2>&1
  done
}

# wanted REQUEST: whether the row was asked for.
wanted() { [[ -z $match || $1 =~ $match ]]; }

# against PROGRAM REQUEST...: rows with one rival each.
against() {
  local name=$1 request
  shift
  for request in "$@"; do
    wanted "$request" || continue
    if [[ -z $venv ]]; then
      alone "$request"
      continue
    fi
    start "$name" $(rival "${name}_rival" "$work/hf" "$threads")
    compare "$request" "$name"
    stop "$name"
  done
}

# against_llama REQUEST...: rows with the fastest format of llama.cpp.
against_llama() {
  local request type
  for request in "$@"; do
    wanted "$request" || continue
    if [[ -z $venv ]]; then
      alone "$request"
      continue
    fi
    for type in Q4_1 Q8_0 F16 BF16; do start "llama.cpp-$type" $(rival llama_rival "$work/$type.gguf" "$threads"); done
    compare "$request" llama.cpp-{Q4_1,Q8_0,F16,BF16}
    for type in Q4_1 Q8_0 F16 BF16; do stop "llama.cpp-$type"; done
  done
}

models_table() {
  printf '\n| work | tokens/s | rival | its tokens/s | ours / rival: middle (10 %%, 90 %%) |\n|---|---|---|---|---|\n'
  [[ -z $venv ]] || write_rivals_weights
  start ours "$build/model_bench" "$model" "$threads"
  if [[ -n $tiny ]]; then
    against torch 'train bf16 1 4' 'score bf16 1 4'
    against_llama 'prefill bf16 4' 'decode bf16 1 2'
    against trl 'grpo bf16 8 2'
  else
    against torch 'train f32 4 256' 'train bf16 4 256' 'score bf16 8 256'
    against_llama 'prefill bf16 512' 'prefill bf16 2048' 'decode native 1 64' 'decode bf16 16 64' 'decode bf16 32 64' 'decode bf16 64 64'
    against trl 'grpo bf16 16 64'
  fi
  stop ours
}
