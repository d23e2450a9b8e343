#!/bin/bash
# Model files that are missing, damaged or not supported, and token ids, prompts and sampling parameters that a model
# cannot take: one short message each, with the culprit and what to do.
# TIMEOUT 120
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
source tests/e2e/refused.bash
golden=tests/golden/models/llama
echo '{"tokens": [[1, 2, 3]]}' >"$folder/row.json"

# unusable STATUS TEXT MODEL: the commands that need all of a model; none leaves a file.
unusable() {
  refused "$1" "$2" score --model "$3" --tokens "$folder/row.json"
  refused "$1" "$2" generate --model "$3" --tokens "$folder/row.json" --json
  refused "$1" "$2" convert "$3" "$folder/converted"
  refused "$1" "$2" rlhf configs/quickstart.yaml --set model.path="$3" run.dir="$folder/run"
  [[ -z $(find "$folder" -name 'converted*' -o -name run) ]] || fail "$3 was refused, but left $(ls "$folder")"
}

for command in score generate tokenize chat-template; do
  options=()
  [[ $command == score || $command == generate ]] && options=(--tokens "$folder/row.json")
  refused 2 "there is no model at $folder/none" $command --model "$folder/none" "${options[@]}"
done
refused 2 "there is no model at $folder/none" convert "$folder/none" "$folder/converted"
refused 2 "model.path = $folder/none: no such file" rlhf configs/quickstart.yaml --set model.path="$folder/none"

# GGUF: four bytes, a version, how many tensors, how many keys; names and texts after their length in eight bytes.
gguf() {
  local name=$1
  shift
  printf "$@" >"$folder/$name.gguf"
}
key='\x0c\0\0\0\0\0\0\0general.name' zeros='\0\0\0\0\0\0\0\0'
tensor="\x11${zeros:2}token_embd.weight"
gguf empty ''
gguf cut 'GGUF\3\0\0'
gguf garbage 'not a model at all, but long enough to be one'
gguf version "GGUF\7\0\0\0$zeros$zeros"
gguf tensors "GGUF\3\0\0\0\0\0\0\0\0\0\0\x10$zeros$zeros$zeros$zeros"            # 2^60 tensors
gguf text "GGUF\3\0\0\0$zeros\1${zeros:2}$key\x08\0\0\0\0\0\0\0\0\0\0\x40$zeros" # 2^62 bytes
gguf list "GGUF\3\0\0\0$zeros\1${zeros:2}$key\x09\0\0\0\4\0\0\0\0\0\0\0\0\0\0\x40$zeros"
gguf type "GGUF\3\0\0\0\1${zeros:2}$zeros$tensor\1\0\0\0\0\1\0\0\0\0\0\0\x0a\0\0\0$zeros$zeros"
gguf size "GGUF\3\0\0\0\1${zeros:2}$zeros$tensor\1\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0$zeros$zeros"
while read -r name text; do
  unusable 1 "$folder/$name.gguf: $text" "$folder/$name.gguf"
  refused 1 "$folder/$name.gguf: $text" tokenize --model "$folder/$name.gguf"
done <<'END'
empty the header: truncated
cut the header: truncated
garbage the header: not a GGUF file
version the header: GGUF version 7; expected 2 or 3
tensors the header: truncated, or an absurd count: 1152921504606846976
text metadata "general.name": truncated: 4611686018427387904 bytes wanted
list metadata "general.name": truncated, or an absurd count: 4611686018427387904
type tensor token_embd.weight: unsupported type Q2_K: expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K
size tensor token_embd.weight: absurd size 4611686018427387904 of dim 0
END

# copy NAME: a model to be damaged.
copy() {
  mkdir "$folder/$1"
  cp $golden/config.json $golden/model.safetensors "$folder/$1"
}
for name in empty cut header length weights config layers hidden architecture; do copy $name; done
: >"$folder/empty/model.safetensors"
truncate --size 50000 "$folder/cut/model.safetensors"
printf '\xff' | dd of="$folder/header/model.safetensors" bs=1 seek=20 conv=notrunc status=none
printf '\xff\xff\xff\xff\xff\xff\xff\x7f' | dd of="$folder/length/model.safetensors" conv=notrunc status=none
rm "$folder/weights/model.safetensors"
: >"$folder/config/config.json"
sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' "$folder/layers/config.json"
sed -i 's/"hidden_size": 32/"hidden_size": 96/' "$folder/hidden/config.json"
sed -i 's/"model_type": "llama"/"model_type": "mamba"/' "$folder/architecture/config.json"
while read -r name text; do unusable 1 "$text" "$folder/$name"; done <<END
empty $folder/empty/model.safetensors: truncated: 0 bytes
cut $folder/cut/model.safetensors: tensor model.layers.0.mlp.gate_proj.weight: truncated
header $folder/header/model.safetensors: damaged
length $folder/length/model.safetensors: truncated or not safetensors: a header of 9223372036854775807 bytes
weights $folder/weights: has no model.safetensors
config $folder/config/config.json: not valid JSON
layers $folder/layers: weight model.layers.2.input_layernorm.weight is missing
hidden $folder/hidden: weight lm_head.weight has shape [128, 32], expected [128, 96]
architecture model_type "mamba" is not supported
END

# A checkpoint without one of its tensors, by its index and by its manifest.
small=(--set sft.steps=1 sft.batch_size=8 reward.steps=1 reward.pairs_per_step=4 reward.pool_prompts=4
  reward.statistics_samples=4 rollout.prompts_per_step=8 trainer.total_steps=1 trainer.eval_prompts=0
  model.config.hidden_size=64 cluster.one_process=true run.dir="$folder/small")
"$TROUPE" rlhf configs/quickstart.yaml "${small[@]}" >"$folder/out" 2>&1 || fail "no checkpoint: $(cat "$folder/out")"
checkpoint=$(echo "$folder"/small/checkpoints/step-*)
shard=$(ls "$checkpoint"/model-*.safetensors | tail -n 1)
sed -i 's/model.norm.weight/model.norn.weight/' "$shard"
refused 1 "tensor model.nor" generate --model "$checkpoint" --prompt 1
refused 1 "$shard: tensor model.norn.weight: not in the manifest" checkpoint verify "$checkpoint"
rm "$shard"
refused 1 "$shard" generate --model "$checkpoint" --prompt 1
refused 1 "$shard" checkpoint verify "$checkpoint"

# refused_rows TEXT ROWS
refused_rows() {
  echo "{\"tokens\": $2}" >"$folder/rows.json"
  refused 2 "$1" score --model $golden --tokens "$folder/rows.json"
  refused 2 "$1" generate --model $golden --tokens "$folder/rows.json" --json
}
long=$(printf '1,%.0s' {1..64})1
refused_rows "row 1, position 2: token id 128 is outside the model's vocabulary of 128" '[[1], [1, 2, 128]]'
refused_rows "row 0, position 1: token id -2 is outside the model's vocabulary of 128" '[[1, -2]]'
refused_rows "tokens" '[]'
refused_rows "row 0" '[[]]'
refused_rows "not valid JSON" '[[1'
refused_rows "context of 64 tokens" "[[$long]]"
refused 2 "context of 64 tokens" score --model $golden --gradients --tokens "$folder/rows.json"
while read -r option value text; do
  refused 2 "$option = $value: $text" generate --model $golden --tokens "$folder/row.json" --json "$option" "$value"
done <<'END'
--temperature -1 expected a number from 0
--temperature nan expected a number from 0
--top-p 0 expected a number above 0
--top-p 1.5 expected a number above 0 and at most 1
--min-p -0.5 expected a number from 0 to 1
--min-p 2 expected a number from 0 to 1
--top-k -3 expected a whole number
--max-tokens 0 expected a whole number of at least 1
END
refused 2 "--temperature = 0" score --model $golden --tokens "$folder/row.json" --temperature 0
refused 2 "rollout.top_p = 1.5: expected a number, above 0.0, at most 1.0" rlhf configs/quickstart.yaml \
  --set rollout.top_p=1.5
exit $failed
