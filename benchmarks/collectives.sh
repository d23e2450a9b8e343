# all_reduce between two processes of this host against a copy of as many bytes by one of them, and against Gloo where
# the build has it. run.sh sources this.

collectives_table() {
  printf '\n| call | MB | GB/s | copy, GB/s | of copy | Gloo, GB/s | Gloo'"'"'s time over ours |\n|---|---|---|---|---|---|---|\n'
  "$build/collectives_bench" "$pairs" $([[ $tiny ]] && echo 1 || echo 16 64)
}
