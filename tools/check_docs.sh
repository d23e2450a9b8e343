#!/bin/bash
# check_docs.sh [PAGE...]   fails where a page shows code that the tree does not have, or names a file that is not
# there: every line of a ```cpp block must stand in some source, every `path/with.extension` must exist.
set -euo pipefail
cd "$(dirname "$0")/.."
pages=("$@")
[[ $# -gt 0 ]] || pages=(README.md CONTRIBUTING.md docs/*.md)
failed=0

code_of() {
  awk '/^```/ { inside = ($0 == "```cpp") } inside && !/^```/' "$1" | grep -v '^ *$' || true
}

files_of() {
  grep -oE '`(base|devices|kernels|graph|rlhf|text|storage|actors|apps|configs|data|tests|tools|docs|cmake)/[A-Za-z0-9_./-]+\.[a-z]+`' "$1" |
    tr -d '`' | sort -u || true
}

sources=$(mktemp)
trap 'rm -f "$sources"' EXIT
git ls-files -z '*.h' '*.cc' | xargs -0 cat >"$sources"
for page in "${pages[@]}"; do
  while IFS= read -r line; do
    grep -qxF -- "$line" "$sources" || { echo "$page shows code that no source has: $line"; failed=1; }
  done < <(code_of "$page")
  while IFS= read -r file; do
    [[ -e $file ]] || { echo "$page names $file, which is not there"; failed=1; }
  done < <(files_of "$page")
done
exit $failed
