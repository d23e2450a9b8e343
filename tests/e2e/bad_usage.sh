#!/bin/bash
# Bad arguments and configs end with status 2 and one short message that names the culprit.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
source tests/e2e/refused.bash

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
refused 2 "prometheus_address = 9464: expected an IPv4 address and a port" config show $quickstart --set trainer.prometheus_address=9464
refused 2 "no such file" config show $quickstart --set run.seed=2 --set model.path=none.gguf
refused 2 "unknown key 'run.sed'" config show --set run.seed=2 run.sed=3 $quickstart
refused 2 "RUN.yaml is required" config show --set run.seed=2 run.name=x
refused 2 "--set word: expected key.path=value" config show $quickstart --set word
"$TROUPE" config show --set run.name=x run.seed=7 --set rollout.n=2 $quickstart >"$folder/shown"
grep -q 'seed: 7  # --set run.seed=7' "$folder/shown" && grep -q 'name: "x"  #' "$folder/shown" &&
  grep -q '  n: 2  # --set rollout.n=2' "$folder/shown" || fail "config show does not show what --set has set"
explained=$("$TROUPE" config explain cluster.heartbeat_limit_seconds)
[[ $explained == "cluster.heartbeat_limit_seconds: 15.0    (a number, above 0.0, at most 86400.0; unit: seconds)
  seconds of silence after which a node counts as dead" ]] || fail "config explain says: $explained"

"$TROUPE" rlhf $quickstart --dry-run --set run.dir="$folder/run" rollout.n=2 >"$folder/dry" || fail "no dry run"
grep -q '  n: 2  # --set rollout.n=2' "$folder/dry" && grep -q 'lam: 0.95  # configs/quickstart.yaml:' "$folder/dry" &&
  grep -q 'gamma: 1.0  # default' "$folder/dry" || fail "a dry run does not show where values come from"
sed -n '/^#   trainer-1$/,/^#   judge$/p' "$folder/dry" | tr -s ' ' | sort >"$folder/actors"
sort >"$folder/expected" <<'END'
# checkpoint_writer/trainer-1 checkpoint_writer
# judge
# policy/pp1 stage
# rollout/1 rollout_engine
# trainer-1
END
diff "$folder/expected" "$folder/actors" || fail "a dry run shows other actors on trainer-1"
"$TROUPE" config show "$folder/dry" >/dev/null || fail "a dry run prints no config"
[[ ! -e $folder/run ]] || fail "a dry run made its folder"

"$TROUPE" version >/dev/full 2>"$folder/full"
[[ $? == 1 && $(cat "$folder/full") == "troupe: error: cannot write to standard output" ]] ||
  fail "a full disk behind stdout was not reported"
"$TROUPE" config explain 2>"$folder/pipe" | head -n 1 >/dev/null
[[ ${PIPESTATUS[0]} == 0 && ! -s $folder/pipe ]] ||
  fail "a reader that went away was taken for a failure: $(cat "$folder/pipe")"
exit $failed
