# What the tests of bad input share: source it after setting $folder, the test's own; end with `exit $failed`.
failed=0

fail() {
  echo "$*"
  failed=1
}

# refused STATUS TEXT ARGUMENT...: troupe ends so within 20 seconds, with TEXT in its one message of at most eight
# lines, and leaves no process that has a file of $folder open.
refused() {
  local status=$1 text=$2 found out left
  shift 2
  out=$(timeout 20 "$TROUPE" "$@" 2>&1 >/dev/null </dev/null)
  found=$?
  [[ $found == "$status" && $out == "troupe: error: "*"$text"* ]] ||
    fail "troupe $*: status $found, expected $status and '$text': $out"
  [[ $(wc -l <<<"$out") -le 8 && $(grep -c "troupe: error" <<<"$out") == 1 ]] ||
    fail "troupe $*: more than one message of eight lines: $out"
  left=$(find /proc/[0-9]*/fd -lname "$folder/*" 2>/dev/null)
  [[ -z $left ]] || fail "troupe $*: a process stayed: $left"
}
