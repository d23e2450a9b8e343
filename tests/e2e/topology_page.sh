#!/bin/bash
# The page of `troupe topology --html` in a browser: at every step it shows the numbers that the command has for it, by
# keyboard too, fits 390 pixels, and neither asks for another file nor complains.
# LABELS slow
# TIMEOUT 180
source tests/e2e/small_run.bash
source tools/browser.bash
trap 'browser_stop; rm -rf "$folder"' EXIT
mkdir "$folder/browser"
browser_start "$folder/browser"

run=$folder/run
page=file://$folder/page.html
run_or_stop run "${tiny[@]}" --set trainer.total_steps=3
"$TROUPE" topology "$run" --html "$folder/page.html" || fail "status $? of topology --html"

# json_numbers STEP: "policy/pp0 1234" for each actor, "policy/pp0 policy/pp1 TensorMessage 99" for each edge.
json_numbers() {
  "$TROUPE" topology "$run" --at "$1" --json | tr '{' '\n' | sed -nE \
    -e 's/.*"address":"([^"]*)".*"handled":([0-9]+).*/\1 \2/p' \
    -e 's/.*"count":([0-9]+),"from":"([^"]*)","message":"troupe[.:]*([^"]*)".*"to":"([^"]*)".*/\2 \4 \3 \1/p' | sort
}

# all SELECTOR KEY TITLE: "KEY number" of each such row; signals (@exit) are no messages.
all() {
  browser_eval "Array.from(document.querySelectorAll('$1'), (row) => row.getAttribute('$2') + ' ' +
    row.querySelector('[data-title=$3]').textContent).join('|')"
  tr '|' '\n' <<<"$browser_value" | grep -v ' @'
}

page_numbers() {
  { all tr[data-actor] data-actor handled; all tr[data-edge] data-edge count; } | sort
}

for step in -1 1 2 3; do
  browser_open "$page#step=$step" 1280 800
  browser_eval "document.getElementById('more').click()"
  json_numbers $step >"$folder/json"
  page_numbers >"$folder/shown"
  [[ $(wc -l <"$folder/json") -gt 100 ]] || fail "few numbers: $(cat "$folder/json")"
  diff "$folder/json" "$folder/shown" >"$folder/diff" || fail "step $step: < command, > page: $(head -n 20 "$folder/diff")"
done

# until SCRIPT VALUE: the page shows it soon.
until_shown() {
  for _ in $(seq 200); do
    browser_eval "$1"
    [[ $browser_value == "$2" ]] && return
  done
  fail "$1 is '$browser_value', not '$2'"
}
moment="document.getElementById('moment').textContent"
handled="document.querySelector('[data-actor=coordinator] [data-title=handled]').textContent"
handled_at() {
  json_numbers "$1" | sed -n 's/^coordinator \([0-9]*\)$/\1/p'
}
browser_open "$page" 390 800
until_shown "$moment" "step 3 of 3"
browser_eval "document.getElementById('slider').focus()"
browser_key Home 36
until_shown "$moment" "before step 1 of 3"
until_shown "$handled" "$(handled_at -1)"
browser_key ArrowRight 39
until_shown "$moment" "step 1 of 3"
until_shown "$handled" "$(handled_at 1)"
browser_key End 35
until_shown "$handled" "$(handled_at 3)"
browser_eval "window.innerWidth + ' ' + document.documentElement.scrollWidth"
[[ $browser_value == "390 390" ]] || fail "wider than the window: $browser_value"
until_shown "document.querySelectorAll('#pipeline rect.bar').length > 10" true
until_shown "document.querySelectorAll('path.tensor').length > 3" true

said=$folder/browser/said
grep -E '"method":"(Runtime.exceptionThrown|Runtime.consoleAPICalled|Log.entryAdded)"' "$said" && fail "the page complains"
grep '"Network.requestWillBeSent"' "$said" | grep -vE '"url":"(about:blank|file://'"$folder"'/page.html)[#"]' &&
  fail "the page asks for another file"
grep -q '"Network.requestWillBeSent"' "$said" || fail "no request was seen, not even the page's"
exit $failed
