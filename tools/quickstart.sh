#!/bin/bash
# From a fresh Debian 12 machine to a finished RLHF run: installs what is missing, builds, trains the
# embedded default (about two minutes on two cores), and shows who did what.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
tools/build.sh build troupe
build/troupe rlhf configs/quickstart.yaml
build/troupe topology runs/latest

checkpoint=$(find runs/latest/checkpoints -mindepth 1 -maxdepth 1 -name 'step-*' ! -name '*.partial' | sort | tail -n 1)
cat <<END

Three things to try next:
  build/troupe generate --model $checkpoint --prompt '40713=' --temperature 0
  build/troupe rlhf configs/quickstart.yaml --set run.seed=2
  tools/fetch_model.sh smollm2-135m-instruct && build/troupe rlhf configs/smollm2_sentiment.yaml
END
