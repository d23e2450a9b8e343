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

printf 'run: {sed: 1}\n' >"$folder/key.yaml"
printf 'run:\n\tseed: 1\n' >"$folder/tab.yaml"
: >"$folder/empty.yaml"
quickstart=configs/quickstart.yaml
refused 2 "key.yaml:1:7: unknown key 'run.sed', did you mean 'seed'" config show "$folder/key.yaml"
refused 2 "tab.yaml:2:1: a tab" config show "$folder/tab.yaml"
refused 2 "empty.yaml: empty" config show "$folder/empty.yaml"
refused 2 "did you mean 'configs/quickstart.yaml'" config show configs/quikstart.yaml
refused 2 "run.seed = x: expected an integer" config show $quickstart --set run.seed=x
refused 2 "2 stages, but the model has only 1 layers" config show $quickstart --set model.config.num_hidden_layers=1
refused 2 "temperature = 0" config show $quickstart --set rollout.temperature=0
refused 2 "no such file" config show $quickstart --set run.seed=2 --set model.path=none.gguf
"$TROUPE" config show --set run.name=x --set run.seed=7 $quickstart | grep -q 'seed: 7  # --set run.seed=7' || {
  echo "config show does not show where the seed comes from"
  failed=1
}

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
