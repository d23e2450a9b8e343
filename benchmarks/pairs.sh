# Programs that wait for a line and answer with {"seconds": ..., "tokens": ...}, and rounds of two of them in turn.
# run.sh sources this. Only one of them works at a time; the others sleep.
declare -A to from process

# start NAME COMMAND...: keeps it running, with its pipes, and with nobody else's: those would never end.
start() {
  local name=$1 fd
  shift
  mkfifo "$work/$name.in" "$work/$name.out"
  (
    for fd in "${to[@]}" "${from[@]}"; do exec {fd}>&-; done
    exec "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.log"
  ) &
  process[$name]=$!
  exec {to[$name]}>"$work/$name.in" {from[$name]}<"$work/$name.out"
}

# stop NAME: it ends when its input does.
stop() {
  local name=$1
  exec {to[$name]}>&- {from[$name]}<&-
  wait "${process[$name]}" || true
  rm "$work/$name".{in,out}
  unset "process[$name]" "to[$name]" "from[$name]"
}

# ask NAME REQUEST: seconds a token, in $rate.
ask() {
  local line
  sleep 0.05 # threads of the one before still spin for a moment
  echo "$2" >&"${to[$1]}"
  read -r line <&"${from[$1]}" || { tail -5 "$work/$1.log" >&2; exit 1; }
  rate=$(jq -r '.seconds / .tokens' <<<"$line")
}

# quantile SHARE: of the numbers on stdin.
quantile() {
  sort -g | awk -v share="$1" '{ x[NR] = $1 } END { at = 1 + (NR - 1) * share; i = int(at); print x[i] + (at - i) * (x[i < NR ? i + 1 : i] - x[i]) }'
}

# fastest REQUEST NAME...: the one whose middle round of three is the shortest, in $best.
fastest() {
  local request=$1 name round
  shift
  best=$1
  (($# > 1)) || return 0
  for round in 1 2 3; do
    for name in "$@"; do
      ask "$name" "$request"
      echo "$rate" >>"$work/$name.rates"
    done
  done
  best=$(for name in "$@"; do echo "$(quantile 0.5 <"$work/$name.rates") $name"; done | sort -g | head -1 | cut -d' ' -f2)
  for name in "$@"; do rm "$work/$name.rates"; done
}

# alone REQUEST: a row of the table without a rival.
alone() {
  local request=$1 round
  for ((round = 0; round < pairs; ++round)); do
    ask ours "$request"
    echo "$rate"
  done >"$work/ours.rates"
  printf '| %s | %.1f | | | |\n' "$request" "$(quantile 0.5 <"$work/ours.rates" | awk '{ print 1 / $1 }')"
}

# compare REQUEST NAME...: a row with the fastest of these rivals.
compare() {
  local request=$1 pair
  fastest "$@"
  : >"$work/pairs"
  for ((pair = 0; pair < pairs; ++pair)); do
    local order=(ours "$best") name
    ((pair % 2 == 0)) || order=("$best" ours)
    local -A seconds
    for name in "${order[@]}"; do
      ask "$name" "$request"
      seconds[$name]=$rate
    done
    awk -v a="${seconds[ours]}" -v b="${seconds[$best]}" 'BEGIN { print 1 / a, 1 / b, b / a }' >>"$work/pairs"
  done
  printf '| %s | %.1f | %s | %.1f | %.2f (%.2f, %.2f) |\n' "$request" "$(cut -d' ' -f1 "$work/pairs" | quantile 0.5)" "$best" \
    "$(cut -d' ' -f2 "$work/pairs" | quantile 0.5)" $(for q in 0.5 0.1 0.9; do cut -d' ' -f3 "$work/pairs" | quantile $q; done)
}
