#!/bin/bash
# Bad arguments and configs end with status 2 and one short message that names the culprit.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# refused STATUS TEXT ARGUMENT...: the command ends so, with TEXT in its message of at most eight lines.
refused() {
  local status=$1 text=$2 found out
  shift 2
  out=$("$TROUPE" "$@" 2>&1 >/dev/null)
  found=$?
  if [[ $found != "$status" || $out != "troupe: error: "*"$text"* || $(wc -l <<<"$out") -gt 8 ]]; then
    echo "troupe $*: status $found, expected $status and '$text': $out"
    failed=1
  fi
}

refused 2 "A subcommand is required"
refused 2 "did you mean 'version'" verison
refused 2 "not expected" version surplus
refused 2 "did you mean 'actor.optim'" config explain actor.optm
"$TROUPE" version >/dev/full 2>"$folder/full"
[[ $? == 1 && $(cat "$folder/full") == "troupe: error: cannot write to standard output" ]] || {
  echo "a full disk behind stdout was not reported"
  failed=1
}
"$TROUPE" config explain 2>"$folder/pipe" | head -n 1 >/dev/null
[[ ${PIPESTATUS[0]} == 0 && ! -s $folder/pipe ]] || {
  echo "a reader that went away was taken for a failure: $(cat "$folder/pipe")"
  failed=1
}
exit $failed
