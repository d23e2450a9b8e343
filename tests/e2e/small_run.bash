# What tests of small runs share: a folder of the test's own, `fail`, and the quickstart's settings for a run of a
# second or two. Source it after the header; end with `exit $failed`.
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
  echo "$*"
  failed=1
}

# await TEXT FILE: until the file has the text; the test ends if it has not within a minute.
await() {
  grep -q -m1 -- "$1" <(timeout 60 tail -n +1 -F "$2" 2>/dev/null) || {
    echo "'$1' did not come within a minute: $(cat "$2")"
    exit 1
  }
}

# Four steps with all that a run has, a checkpoint at each.
small=(--set sft.steps=8 sft.batch_size=32 reward.steps=4 reward.pairs_per_step=8 reward.pool_prompts=32
  reward.statistics_samples=32 rollout.prompts_per_step=32 trainer.total_steps=4 trainer.save_freq=1
  trainer.eval_prompts=16 actor.optim.lr=2e-3)
# The least that has every phase.
tiny=(--set sft.steps=2 sft.batch_size=8 reward.steps=1 reward.pairs_per_step=4 reward.pool_prompts=8
  reward.statistics_samples=8 rollout.prompts_per_step=8 trainer.total_steps=2 trainer.eval_prompts=0)

hash_in() {
  sed -n 's/^sha256 //p' "$1"
}

# run_or_stop NAME SETTING...: such a run in $folder/NAME, its output in $folder/NAME.out; the test ends if it fails.
run_or_stop() {
  local name=$1
  shift
  "$TROUPE" rlhf configs/quickstart.yaml "$@" --set run.dir="$folder/$name" >"$folder/$name.out" 2>&1 || {
    echo "the run $name failed: $(cat "$folder/$name.out")"
    exit 1
  }
}
