#!/bin/bash
# test.sh [--slow]   sets up, builds and runs all tests. --slow adds what takes longer: the tests on the real
# model and in a browser, address and undefined-behaviour sanitizers, clang-tidy, and this script and quickstart.sh in a fresh
# Debian 12.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# == 0 || ( $# == 1 && $1 == --slow ) ]] || { echo "usage: tools/test.sh [--slow]" >&2; exit 2; }

if [[ ${1:-} == --slow ]]; then tools/setup.sh mmdebstrap chromium; else tools/setup.sh; fi
tools/build.sh build all
if [[ ${1:-} != --slow ]]; then
  exec ctest --test-dir build --output-on-failure -LE slow -j "$(nproc)"
fi

tools/fetch_model.sh smollm2-135m-instruct
ctest --test-dir build --output-on-failure -j "$(nproc)"
tools/build.sh build-sanitize all -DTROUPE_SANITIZE=address,undefined
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  ctest --test-dir build-sanitize --output-on-failure -LE "slow|timing" -j "$(nproc)"
tools/tidy.sh
tools/fresh_debian.sh bash -c 'tools/quickstart.sh && tools/test.sh'
