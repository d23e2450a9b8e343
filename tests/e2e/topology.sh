#!/bin/bash
# troupe topology of a small run: valid JSON with every kind of actor and counts that add up, the same run as a
# graph and as text; and of what is no run's folder, status 2 and one message.
# TIMEOUT 60
source tests/e2e/small_run.bash

# is_json FILE: strings become s, other scalars v, and innermost objects and arrays v, until one v is left.
is_json() {
  [[ $(sed -zE 's/"([^"\\[:cntrl:]]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/s/g
    s/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/v/g; s/[ \n]//g
    :a; s/\{(s:[sv](,s:[sv])*)?\}|\[([sv](,[sv])*)?\]/v/g; ta' "$1") == v ]]
}
for broken in '{"a":[1,]}' '{"a":1' '{"a" 1}' '"a" "b"' '01' ''; do
  is_json <(echo "$broken") && fail "is_json takes $broken for JSON"
done

# field NAME: its value in each line that has it.
field() {
  sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

run=$folder/run
run_or_stop run "${tiny[@]}"

"$TROUPE" topology "$run" --json >"$folder/topology.json" || fail "status $? of topology --json"
is_json "$folder/topology.json" || fail "no JSON: $(cat "$folder/topology.json")"
tr '{' '\n' <"$folder/topology.json" >"$folder/objects"
grep '"handled":' "$folder/objects" >"$folder/actors"
grep '"count":' "$folder/objects" >"$folder/edges"

[[ $(field kind <"$folder/actors" | sort -u | tr '\n' ' ') == "checkpoint_writer coordinator directory door ledger node \
packer prompt_source reporter reward rollout_engine stage supervisor tracer weight_store " ]] ||
  fail "other kinds of actors: $(field kind <"$folder/actors" | sort | uniq -c)"
[[ $(grep '"pid":' "$folder/objects" | grep -c '"state":"ended","step":') == 6 ]] ||
  fail "not six nodes that ended in order: $(grep '"pid":' "$folder/objects")"
for address in policy/pp0 policy/pp1 reference/pp0 reward/pp0 reward/pp1 critic/pp0 rollout/0 rollout/1; do
  [[ $(field address <"$folder/actors" | grep -cx "$address") == 1 ]] || fail "not one actor at $address"
done

# An actor has handled what its edges count together; both ends of an edge are actors of the run, or unknown ("?").
paste <(field address <"$folder/actors") <(field handled <"$folder/actors") >"$folder/handled"
paste <(field from <"$folder/edges") <(field to <"$folder/edges") <(field count <"$folder/edges") >"$folder/counts"
awk -F'\t' '
  NR == FNR { handled[$1] = $2; next }
  { sum[$2] += $3 }
  $1 != "?" && !($1 in handled) || !($2 in handled) { print "an edge from " $1 " to " $2 ", which is no actor"; bad = 1 }
  END {
    for (actor in handled)
      if (handled[actor] != sum[actor] + 0) {
        print actor " has handled " handled[actor] " messages, but its edges count " sum[actor] + 0
        bad = 1
      }
    exit bad
  }' "$folder/handled" "$folder/counts" || failed=1

# count FROM TO MESSAGE: how often this message was sent.
count() {
  grep "\"from\":\"$1\",\"message\":\"troupe.$3\",.*\"to\":\"$2\"" "$folder/edges" | field count
}
[[ $(count coordinator ledger CommitStep) == 2 ]] || fail "not two steps committed: $(count coordinator ledger CommitStep)"
[[ $(count coordinator weight_store/policy PublishVersion) == 3 ]] || fail "not three versions published"
[[ $(count '?' supervisor NodeReady) == 6 ]] || fail "not six nodes were ready"

"$TROUPE" topology "$run" --dot >"$folder/dot" && grep -q '^digraph' "$folder/dot" && grep -q policy/pp1 "$folder/dot" ||
  fail "no graph: $(head -n 3 "$folder/dot")"
"$TROUPE" topology "$run" | head -n 1 | grep -qx "6 nodes, $(wc -l <"$folder/actors") actors" || fail "the text begins otherwise"

# The page needs no other file, and its data is JSON; topology_page.sh looks at it in a browser.
"$TROUPE" topology "$run" --html "$folder/page.html" || fail "status $? of topology --html"
grep -qiE '(src|href) *=' "$folder/page.html" && fail "the page needs another file"
grep -qE '@import|url\((.?https?:|//)|\{\{|fetch\(' <(grep -v d3_ "$folder/page.html") && fail "the page is not whole"
sed -n 's/.*<script type="application\/json" id="data">\(.*\)<\/script>$/\1/p' "$folder/page.html" >"$folder/data"
is_json "$folder/data" || fail "the page's data is no JSON: $(head -c 300 "$folder/data")"
[[ $(grep -o '"gantt":{' "$folder/data" | wc -l) == 2 ]] || fail "not two steps with their pipelines"
out=$("$TROUPE" topology "$run" --html "$folder/no.html" --at 1 2>&1)
[[ $? == 2 && $out == *"--at"* ]] || fail "--html with --at: $out"
out=$("$TROUPE" topology "$run" --html "$folder/none/page.html" 2>&1)
[[ $? == 1 && $out == *"none/page.html: cannot be written"* ]] || fail "--html into no folder: $out"

# refused PATH: no run's folder.
refused() {
  local out status
  out=$("$TROUPE" topology "$1" --json 2>&1)
  status=$?
  [[ $status == 2 && $out == "troupe: error: $1 is no folder of a run: there is no journal in it"* ]] ||
    fail "topology $1: status $status: $out"
}
mkdir -p "$folder/empty" "$folder/emptied/journal"
refused "$folder/empty"
refused "$folder/emptied"
refused "$folder/nothing"
refused "$folder/dot"
refused "$run/checkpoints"
exit $failed
