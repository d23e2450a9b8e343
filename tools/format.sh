#!/bin/bash
# format.sh [--check]   formats every source with clang-format; --check changes nothing and fails on a
# difference.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=-i
[[ ${1:-} != --check ]] || mode="--dry-run --Werror"
# shellcheck disable=SC2086  # the mode is one word or two
git ls-files -z '*.h' '*.cc' '*.cu' | xargs -0 clang-format $mode
