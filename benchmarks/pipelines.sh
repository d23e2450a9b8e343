# How long a pipeline's ranks idle under each schedule, of real stage actors that wait instead of computing, against the
# formula of the schedule's paper; waiting takes no core, so more ranks than cores may be timed. run.sh sources this.

pipelines_table() {
  local unit_ms=40 batches=3 sizes='2:8 2:11 4:8 4:11'
  [[ -z $tiny ]] || { unit_ms=1 && batches=1 && sizes='2:2'; }
  echo
  # shellcheck disable=SC2086  # the sizes are several words
  "$build/pipeline_bench" $unit_ms $batches $sizes
}
