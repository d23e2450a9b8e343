# What a packed training step with recompute: layer takes of memory, forward, backward and AdamW. run.sh sources this.

memory_table() {
  local answer
  start ours "$build/model_bench" "$model" "$threads"
  ask ours "memory bf16 $([[ $tiny ]] && echo 64 || echo 65536)"
  stop ours
  jq -r '"\n| memory, \(.tokens) tokens of documents | predicted, MB | counted, MB | of predicted |\n|---|---|---|---|",
    (.bytes | to_entries[] | select(.value != [0, 0]) |
      "| \(.key) | \(.value[0] / 1e4 | round / 100) | \(.value[1] / 1e4 | round / 100) | \(.value[1] / .value[0] | . * 1000 | round / 1000) |"),
    "| resident at most, \(.resident_before / 1e6 | round) MB of it before | | \(.resident_peak / 1e6 | round) | \(.resident_peak / .bytes.total[0] | . * 1000 | round / 1000) |"' \
    <<<"$answer"
}
