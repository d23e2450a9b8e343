# The tables of kernels against this run's limits and against oneDNN. run.sh sources this.

describe_machine() {
  echo "$(nproc) x $(grep -m1 '^model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)," \
    "L3 as reported $(lscpu | awk -F: '/^L3/ { print $2 }' | xargs), load $(cut -d' ' -f1 /proc/loadavg), $threads threads"
}

kernels_table() {
  local dtype shapes
  for dtype in f32 bf16; do
    if [[ -x $build/matmul_bench ]]; then
      for shapes in $([[ $tiny ]] && echo 16x32x32 || echo model large); do
        "$build/matmul_bench" "$threads" "$pairs" "$shapes" $dtype "${stream:-$([[ $tiny ]] && echo 1 || echo 4096)}"
      done
    fi
    "$build/attention_bench" "$threads" "$pairs" "$([[ $tiny ]] && echo tiny || echo packs)" $dtype
  done
  "$build/quantized_bench" "$threads" "$pairs" "$([[ $tiny ]] && echo 1 || echo 1500)"
}
