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

# ask NAME REQUEST: seconds a token, in $rate; the whole line in $answer.
ask() {
  sleep 0.05 # threads of the one before still spin for a moment
  echo "$2" >&"${to[$1]}"
  read -r answer <&"${from[$1]}" || { tail -5 "$work/$1.log" >&2; exit 1; }
  rate=$(jq -r '.seconds / .tokens' <<<"$answer")
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

# take_pairs NAME REQUEST RIVAL REQUEST: rounds of both in turn. $work/pairs has a line for each pair: tokens a second of
# both, and their ratio.
take_pairs() {
  local ours=$1 rival=$3 pair name
  local -A request=([$1]=$2 [$3]=$4) seconds
  : >"$work/pairs"
  for ((pair = 0; pair < pairs; ++pair)); do
    local order=("$ours" "$rival")
    ((pair % 2 == 0)) || order=("$rival" "$ours")
    for name in "${order[@]}"; do
      ask "$name" "${request[$name]}"
      seconds[$name]=$rate
    done
    awk -v a="${seconds[$ours]}" -v b="${seconds[$rival]}" 'BEGIN { print 1 / a, 1 / b, b / a }' >>"$work/pairs"
  done
}

# of_pairs COLUMN SHARE: a quantile of what take_pairs wrote.
of_pairs() { cut -d' ' -f"$1" "$work/pairs" | quantile "$2"; }

# compare REQUEST NAME...: a row with the fastest of these rivals.
compare() {
  local request=$1
  fastest "$@"
  take_pairs ours "$request" "$best" "$request"
  printf '| %s | %.1f | %s | %.1f | %.2f (%.2f, %.2f) |\n' "$request" "$(of_pairs 1 0.5)" "$best" "$(of_pairs 2 0.5)" \
    "$(of_pairs 3 0.5)" "$(of_pairs 3 0.1)" "$(of_pairs 3 0.9)"
}
