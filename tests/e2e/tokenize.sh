#!/bin/bash
# troupe tokenize and troupe chat-template on a tiny tokenizer: a JSON value a line in and out, ASCII on the way
# out, and status 2 with the number of the line that is no good.
# TIMEOUT 60
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# gives TEXT INPUT ARGUMENT...: the command prints exactly this, and succeeds.
gives() {
  local text=$1 input=$2 out
  shift 2
  if ! out=$(printf '%b' "$input" | "$TROUPE" "$@" 2>&1) || [[ $out != "$text" ]]; then
    echo "troupe $* on $input: expected $text, found $out"
    failed=1
  fi
}

# refused TEXT INPUT ARGUMENT...: the command ends with status 2 and TEXT in its message.
refused() {
  local text=$1 input=$2 found out
  shift 2
  out=$(printf '%b' "$input" | "$TROUPE" "$@" 2>&1 >/dev/null)
  found=$?
  if [[ $found != 2 || $out != "troupe: error: "*"$text"* ]]; then
    echo "troupe $* on $input: status $found, expected 2 and '$text': $out"
    failed=1
  fi
}

cp tests/golden/models/llama/* "$folder"
cat >"$folder/tokenizer.json" <<'JSON'
{"added_tokens": [{"id": 7, "content": "<end>", "special": true}],
 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
 "decoder": {"type": "ByteLevel"},
 "model": {"type": "BPE", "vocab": {"h": 0, "e": 1, "l": 2, "he": 3, "ll": 4, "Ã": 5, "©": 6}, "merges": ["h e", "l l"]}}
JSON
cat >"$folder/tokenizer_config.json" <<'JSON'
{"eos_token": "<end>", "chat_template": "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}me: {% endif %}{% if not messages %}{{ raise_exception('nobody spoke') }}{% endif %}"}
JSON

gives '[3,4]
[5,6,7]' '"hell"\n\n"\\u00e9<end>"\n' tokenize --model "$folder"
gives '[]' '"<"' tokenize --model "$folder" --plain
gives '"hell"
"\u00e9<end>"' '[3,4]\n[5,6,7]\n' tokenize --model "$folder" --decode
gives '"\u00e9"' '[5,6,7]' tokenize --model "$folder" --decode --skip-special
gives '' '' tokenize --model "$folder"
refused "line 3 of stdin" '"a"\n"b"\n17\n' tokenize --model "$folder"
refused "line 2 of stdin" '"a"\n"b\n' tokenize --model "$folder"
refused "line 1 of stdin" '"hell"' tokenize --model "$folder" --decode
refused "line 2 of stdin" '[1]\n[8]' tokenize --model "$folder" --decode
refused "has no tokenizer" '"a"' tokenize --model tests/golden/models/llama

talk='{"messages": [{"role": "you", "content": "caf\\u00e9"}]'
gives '"you: caf\u00e9<end>"
"you: caf\u00e9<end>me: "' "$talk}\n$talk, \"add_generation_prompt\": true}\n" chat-template --model "$folder"
refused "line 2 of stdin" "$talk}\n[]\n" chat-template --model "$folder"
refused "nobody spoke" '{"messages": []}' chat-template --model "$folder"
refused "line 1 of stdin" '{"message": []}' chat-template --model "$folder"
refused "no chat template" "$talk}" chat-template --model tests/golden/models/llama
exit $failed
