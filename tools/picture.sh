#!/bin/bash
# picture.sh PAGE WIDTH HEIGHT FILE [SELECTOR]   makes a PNG of a page (a path, #fragment and all) in Chromium, laid
# out for so many pixels; with SELECTOR, from this element on.
set -euo pipefail
[[ $# == 4 || $# == 5 ]] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
source "$(dirname "$0")/browser.bash"
folder=$(mktemp -d)
trap 'browser_stop; rm -rf "$folder"' EXIT
browser_start "$folder"
browser_open "file://$(realpath -m "$1")" "$2" "$3"
[[ -z ${5:-} ]] || browser_eval "window.scrollBy(0, document.querySelector('$5').getBoundingClientRect().top - 60)"
browser_picture "$4"
