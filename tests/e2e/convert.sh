#!/bin/bash
# troupe convert: shards and one file hold the same model, the same call gives the same bytes, and
# what cannot be read or written is named.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
golden=$(dirname "$0")/../golden/models
failed=0

# holds TEXT COMMAND...: the command ends with status 0 and TEXT in its output.
holds() {
  local text=$1 out
  shift
  out=$("$@" 2>&1) && [[ $out == *"$text"* ]] && return
  echo "$*: expected '$text', found: $out"
  failed=1
}

# refused STATUS TEXT ARGUMENT...: troupe ends so, with TEXT in its one message.
refused() {
  local status=$1 text=$2 found out
  shift 2
  out=$("$TROUPE" "$@" 2>&1 >/dev/null)
  found=$?
  [[ $found == "$status" && $out == "troupe: error: "*"$text"* ]] && return
  echo "troupe $*: status $found, expected $status and '$text': $out"
  failed=1
}

holds "tensors" "$TROUPE" convert "$golden/llama_sharded" "$folder/one"
holds "tensors" "$TROUPE" convert "$folder/one" "$folder/many" --max-shard-bytes 30000
holds "in 1 file" "$TROUPE" convert "$folder/many" "$folder/again"
holds "" cmp "$folder/one/model.safetensors" "$folder/again/model.safetensors"
[[ $(ls "$folder/many" | grep -c '^model-.*-of-') -gt 4 ]] || {
  echo "30000 bytes a file made too few files: $(ls "$folder/many")"
  failed=1
}

refused 1 "is there already" convert "$golden/llama" "$folder/one"
refused 2 "there is no model at $folder/nothing" convert "$folder/nothing" "$folder/new"
refused 1 "cannot make an empty folder /dev/null/new.partial" convert "$golden/llama" /dev/null/new
refused 2 "--dtype" convert "$golden/llama" "$folder/new" --dtype f8
truncate --size -1 "$folder/one/model.safetensors"
refused 1 "one/model.safetensors" convert "$folder/one" "$folder/new"
printf 'GGUF' >"$folder/cut.gguf"
refused 1 "cut.gguf: the header: truncated" convert "$folder/cut.gguf" "$folder/new"
refused 2 "expected a checkpoint" checkpoint verify "$folder/one"
exit $failed
