# What the one order costs a training step of 4 x 256 tokens. run.sh sources this.
#
# Slices: the whole step with the model's S (tensor_slices) against the same with S = 1. Fixed order: what a step would
# save if each of its matrix products were oneDNN's, whose sums are free (matmul/training_step.cc says how), as a share
# of the step; below 0, ours are the faster ones.

one_order_table() {
  local dtype tokens='4 256'
  [[ -z $tiny ]] || tokens='1 4'
  printf '\n| cost in a step of %s | dtype | step, s | of it: middle (10 %%, 90 %%) |\n|---|---|---|---|\n' "${tokens/ / x }"
  for dtype in f32 bf16; do
    start sliced "$build/model_bench" "$model" "$threads"
    start whole "$build/model_bench" "$model" "$threads"
    take_pairs sliced "train $dtype $tokens" whole "train $dtype $tokens 1"
    stop sliced
    stop whole
    slices_row
    [[ ! -x $build/matmul_bench ]] || fixed_order_row
  done
}

# The step's seconds, in $step.
slices_row() {
  step=$(of_pairs 1 0.5 | awk -v tokens="$((${tokens/ / * }))" '{ print tokens / $1 }')
  awk '{ print 100 * ($2 / $1 - 1) }' "$work/pairs" >"$work/costs"
  printf '| slices | %s | %.3f | %.1f %% (%.1f %%, %.1f %%) |\n' "$dtype" "$step" \
    $(for share in 0.5 0.1 0.9; do quantile $share <"$work/costs"; done)
}

fixed_order_row() {
  "$build/matmul_bench" "$threads" "$pairs" step "$dtype" "$((${tokens/ / * }))" |
    awk -F'|' -v step="$step" -v dtype="$dtype" '$3 ~ /all/ {
      printf "| fixed order | %s | %.3f | %.1f %% (%.1f %%, %.1f %%) |\n", dtype, step, cost($5), cost($7), cost($6)
    }
    function cost(ratio) { return 100 * $4 * (1 - ratio) / step }'
}
