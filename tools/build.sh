#!/bin/bash
# build.sh FOLDER TARGETS [CMAKE_OPTIONS...]   configures FOLDER once and builds TARGETS ("all", "troupe") with
# as many compilers as there are cores.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 targets=$2
shift 2
[[ -f $folder/build.ninja && $# == 0 ]] || cmake -S . -B "$folder" -G Ninja "$@" >/dev/null
export CCACHE_SLOPPINESS=pch_defines,time_macros  # without it, ccache keeps nothing that has a precompiled header
# shellcheck disable=SC2086  # several targets are several words
ninja -C "$folder" -j "$(nproc)" $targets
