#!/bin/bash
# instruction_sets.sh merge SET OUT.o OBJECTS...   one object of all that was compiled for SET: each function f that it
#   defines is called f.SET, and nothing else of it is seen outside. So no inline function of one set can stand in
#   for another's, as the linker would otherwise let it.
# instruction_sets.sh dispatch OUT.s MERGED.o...   each such function under its own name: it jumps to the f.SET of the
#   chosen set. Sets come in the order of enum InstructionSet (kernels/instruction_set.h).
set -euo pipefail

merge() {
  local set=$1 out=$2
  shift 2
  ld -r --force-group-allocation -o "$out.all" "$@"
  nm --defined-only --extern-only "$out.all" | awk '$2 == "T" { print $3 }' >"$out.names"
  [[ -s $out.names ]] || { echo "instruction_sets.sh: nothing is defined in $*" >&2; exit 1; }
  awk -v set="$set" '{ print $1, $1 "." set }' "$out.names" >"$out.renamed"
  awk '{ print $2 }' "$out.renamed" >"$out.kept"
  objcopy --redefine-syms="$out.renamed" "$out.all" "$out.all"
  objcopy --keep-global-symbols="$out.kept" "$out.all" "$out"
  rm "$out.all" "$out.renamed" "$out.kept"
}

# A table of all sets' addresses a function; r10 and r11 belong to nobody at a call.
dispatch() {
  local out=$1 first=$2 object symbol
  shift
  for object; do
    cmp -s "$object.names" "$first.names" || { echo "instruction_sets.sh: $object and $first differ" >&2; exit 1; }
  done
  {
    while read -r symbol; do
      printf '.text\n.globl %s\n.type %s, @function\n%s:\n' "$symbol" "$symbol" "$symbol"
      printf '  movq troupe_instruction_set(%%rip), %%r11\n  leaq %s.table(%%rip), %%r10\n' "$symbol"
      printf '  jmp *(%%r10,%%r11,8)\n.size %s, . - %s\n' "$symbol" "$symbol"
      printf '.section .data.rel.ro, "aw"\n.balign 8\n%s.table:\n' "$symbol"
      for object; do printf '  .quad %s.%s\n' "$symbol" "$(basename "$object" .o)"; done
    done <"$first.names"
    printf '.section .note.GNU-stack, "", @progbits\n'
  } >"$out"
}

"$@"
