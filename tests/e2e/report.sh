#!/bin/bash
# `troupe report`: a page that needs no other file, and a trace whose arrows all have both ends.
# TIMEOUT 120
source tests/e2e/small_run.bash

run=$folder/run
run_or_stop run "${tiny[@]}" --set trainer.total_steps=3 trainer.eval_prompts=4
hash=$(hash_in "$folder/run.out")

"$TROUPE" report "$run" --html "$folder/page.html" --trace "$folder/trace.json" --steps 2 3 || fail "status $?"
for text in "$hash" "ppo: critic/score/mean" "sft: train/loss" "Seconds of PPO" "step-000000" "step-000003" "total_steps: 3"; do
  grep -q -- "$text" "$folder/page.html" || fail "no '$text' on the page"
done
grep -qE '(src|href)=' "$folder/page.html" && fail "the page needs another file: $(grep -oE '(src|href)=.{0,60}' "$folder/page.html")"
[[ $(wc -l <"$run/eval/step-000000.jsonl") == 4 ]] || fail "no samples of the start are kept"

starts=$(grep -c '"ph":"s"' "$folder/trace.json")
ends=$(grep -c '"ph":"f"' "$folder/trace.json")
[[ $starts -gt 20 && $starts == "$ends" ]] || fail "$starts arrows begin, $ends end"
for label in '"name":"step 2"' '"name":"step 3"' '"name":"F0"' '"name":"B0"' '"name":"policy/pp1"'; do
  grep -q -- "$label" "$folder/trace.json" || fail "no $label in the trace"
done
grep -q '"name":"step 1"' "$folder/trace.json" && fail "step 1 is in the trace of steps 2 and 3"

# refused TEXT ARGUMENT...: ends with status 2 and TEXT.
refused() {
  local text=$1 said
  shift
  said=$("$TROUPE" report "$@" 2>&1)
  [[ $? == 2 && $said == *"$text"* ]] || fail "report $*: expected status 2 and '$text': $said"
}
refused "give --html FILE or --trace FILE" "$run"
refused "is no folder of a run" "$folder" --html "$folder/no.html"
refused "the first comes after the last" "$run" --trace "$folder/no.json" --steps 3 2
refused "does not tell what was done in step 9" "$run" --trace "$folder/no.json" --steps 9 9
exit $failed
