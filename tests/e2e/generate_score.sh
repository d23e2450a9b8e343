#!/bin/bash
# troupe generate and troupe score on a tiny checkpoint without a tokenizer: golden ids, the same numbers
# however rows are put together, and one clear message for each kind of bad input.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
model=tests/golden/models/llama
failed=0

# gives TEXT ARGUMENT...: the command prints exactly this.
gives() {
  local text=$1 out
  shift
  if ! out=$("$TROUPE" "$@") || [[ $out != "$text" ]]; then
    echo "troupe $*: expected $text, found $out"
    failed=1
  fi
}

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

row='[13, 21, 15, 87, 7, 55, 8, 74]'
echo "{\"tokens\": [[5, 6, 7], $row]}" >"$folder/rows.json"
echo "{\"tokens\": [$row]}" >"$folder/row.json"
greedy=(generate --model $model --temperature 0 --max-tokens 5 --ignore-eos --json)
sampled=(generate --model $model --temperature 1 --top-p 0.9 --max-tokens 6 --json --tokens "$folder/rows.json")
score=(score --model $model --json)

gives '{"tokens":[[75,66,66,113,60]]}' "${greedy[@]}" --tokens "$folder/row.json"
both=$("$TROUPE" "${greedy[@]}" --tokens "$folder/rows.json")
alone=$("$TROUPE" "${greedy[@]}" --tokens "$folder/row.json")
[[ $both =~ ^\{\"tokens\":\[\[[0-9,]+\],\[[0-9,]+\]\]\}$ && $both == *"${alone#*[}" ]] || {
  echo "a row is continued differently in company: $alone, $both"
  failed=1
}
for weights in native int8; do
  both=$("$TROUPE" "${greedy[@]}" --weights $weights --tokens "$folder/rows.json")
  alone=$("$TROUPE" "${greedy[@]}" --weights $weights --tokens "$folder/row.json")
  [[ -n $alone && $both == *"${alone#*[}" ]] || {
    echo "--weights $weights: a row is continued differently in company: $alone, $both"
    failed=1
  }
done
refused 2 "--weights" "${greedy[@]}" --weights q5 --tokens "$folder/row.json"
gives "$("$TROUPE" "${sampled[@]}" --threads 2)" "${sampled[@]}" --threads 1
seed_7=$("$TROUPE" "${sampled[@]}" --seed 7) && seed_8=$("$TROUPE" "${sampled[@]}" --seed 8) && [[ $seed_7 != "$seed_8" ]] || {
  echo "another seed gives the same tokens, or none: $seed_7, $seed_8"
  failed=1
}

both=$("$TROUPE" "${score[@]}" --tokens "$folder/rows.json")
alone=$("$TROUPE" "${score[@]}" --tokens "$folder/row.json")
[[ $both == *"${alone#*[}" && $(grep -o -- '-[0-9]' <<<"$alone" | wc -l) == 7 ]] || {
  echo "a row scores differently in company: $alone, $both"
  failed=1
}
gives "" score --model $model --tokens "$folder/rows.json" --logits "$folder/logits.safetensors"
# 8 bytes of length, a header, and 11 rows of 128 floats
[[ $(stat -c %s "$folder/logits.safetensors") -gt $((11 * 128 * 4)) ]] &&
  grep -aq '"row1":.*"shape":\[8,128\]' "$folder/logits.safetensors" || {
  echo "no logits of two rows in a safetensors file"
  failed=1
}
echo '{"ids": [5, 6, 7], "positions": [0, 1, 2], "document": [0, 0, 0], "labels": [6, 7, -100]}' >"$folder/train.json"
echo '{"tokens": [[5, 6, 7]]}' >"$folder/plain.json"
gives "$("$TROUPE" "${score[@]}" --gradients --tokens "$folder/train.json")" \
  "${score[@]}" --gradients --tokens "$folder/plain.json"

echo '{"tokens": [[1], [2, 128]]}' >"$folder/outside.json"
echo '{"tokens": [[1], []]}' >"$folder/empty.json"
echo '{"tokens": [[1' >"$folder/broken.json"
seq -s, 1 70 | sed 's/.*/{"tokens": [[&]]}/' >"$folder/long.json"
for command in "generate --json" score; do
  refused 2 "row 1, position 1: token id 128 is outside the model's vocabulary of 128" $command --model $model --tokens "$folder/outside.json"
  refused 2 "row 1: expected a list of integers" $command --model $model --tokens "$folder/empty.json"
  refused 2 "broken.json: not valid JSON" $command --model $model --tokens "$folder/broken.json"
  refused 2 "nowhere" $command --model nowhere --tokens "$folder/row.json"
  refused 2 "f16" $command --model $model --tokens "$folder/row.json" --dtype f16
  refused 2 "--threads" $command --model $model --tokens "$folder/row.json" --threads 0
done
refused 2 "a prompt of 70 tokens leaves no room in the context of 64" generate --json --model $model --tokens "$folder/long.json"
refused 2 "one of --prompt TEXT and --tokens" generate --model $model
refused 2 "one of --prompt TEXT and --tokens" generate --model $model --prompt a --tokens "$folder/row.json"
refused 2 "has no tokenizer" generate --model $model --prompt a
refused 2 "has no tokenizer" generate --model $model --tokens "$folder/row.json"
refused 2 "--chat goes with --prompt" generate --model $model --chat --tokens "$folder/row.json"
refused 2 "--temperature" generate --model $model --tokens "$folder/row.json" --temperature -1
refused 2 "--temperature" generate --model $model --tokens "$folder/row.json" --temperature nan
refused 2 "--top-p" generate --model $model --tokens "$folder/row.json" --top-p 0
refused 2 "--min-p" generate --model $model --tokens "$folder/row.json" --min-p 1.5
refused 2 "--top-k" generate --model $model --tokens "$folder/row.json" --top-k -3
refused 2 "--max-tokens" generate --model $model --tokens "$folder/row.json" --max-tokens 0
refused 2 "--temperature" score --model $model --tokens "$folder/row.json" --temperature 0
refused 2 "--gradients and --logits" score --model $model --tokens "$folder/row.json" --gradients --logits "$folder/x"
refused 1 "/none/x" score --model $model --tokens "$folder/row.json" --logits /none/x

cp -r $model "$folder/model"
head -c 5000 $model/model.safetensors >"$folder/cut" && mv "$folder/cut" "$folder/model/model.safetensors"
refused 1 "model.safetensors" score --model "$folder/model" --tokens "$folder/row.json"
exit $failed
