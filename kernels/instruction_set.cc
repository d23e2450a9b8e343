#include "kernels/instruction_set.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.h"

// Read by every dispatched call (cmake/instruction_sets.sh).
extern "C" {
troupe::InstructionSet troupe_instruction_set = troupe::InstructionSet::avx2;
}

namespace troupe {
namespace {

constexpr InstructionSet kSets[] = {InstructionSet::amx, InstructionSet::avx512_bf16,
                                    InstructionSet::avx512, InstructionSet::avx2};

// The tiles' registers are large, so Linux gives them to a process only when asked.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}

bool has_tiles() {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24, kInt8 = 1u << 25;
  constexpr unsigned kAll = kBf16 | kTile | kInt8;
  return (edx & kAll) == kAll && may_use_tiles();
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
}

InstructionSet named(std::string_view name) {
  for (InstructionSet set : kSets)
    if (name_of(set) == name) return set;
  throw Error("unknown instruction set \"" + std::string(name) +
              "\"; known: avx2, avx512, avx512_bf16, amx");
}

[[gnu::constructor]] void choose() {
  try {
    const char* name = std::getenv("TROUPE_INSTRUCTION_SET");
    if (name != nullptr && *name != 0) return use_instruction_set(named(name));
    for (InstructionSet set : kSets)
      if (is_supported(set)) return use_instruction_set(set);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "troupe: error: TROUPE_INSTRUCTION_SET: %s\n", error.what());
    std::_Exit(2);
  }
}

}  // namespace

InstructionSet instruction_set() {
  return troupe_instruction_set;
}

void use_instruction_set(InstructionSet set) {
  if (!is_supported(set))
    throw Error("this machine's CPU lacks the instruction set " + std::string(name_of(set)));
  troupe_instruction_set = set;
}

bool is_supported(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx2:
      return has_avx2();
    case InstructionSet::avx512:
      return has_avx2() && has_avx512();
    case InstructionSet::avx512_bf16:
      return has_avx2() && has_avx512() && __builtin_cpu_supports("avx512bf16") &&
             __builtin_cpu_supports("avx512vnni");
    case InstructionSet::amx:
      return is_supported(InstructionSet::avx512_bf16) && has_tiles();
  }
  return false;
}

InstructionSet best_instruction_set() {
  for (InstructionSet set : kSets)
    if (is_supported(set)) return set;
  throw Error("this machine's CPU lacks AVX2, FMA, BMI2 or F16C, which troupe needs");
}

std::string_view name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx2:
      return "avx2";
    case InstructionSet::avx512:
      return "avx512";
    case InstructionSet::avx512_bf16:
      return "avx512_bf16";
    case InstructionSet::amx:
      return "amx";
  }
  return "unknown";
}

std::string_view numerics_of(InstructionSet set) {
  const bool portable = set == InstructionSet::avx2 || set == InstructionSet::avx512;
  return portable ? "portable" : name_of(set);
}

InstructionSet instruction_set_for(std::string_view numerics) {
  if (numerics == "auto") return best_instruction_set();
  bool known = false;
  for (InstructionSet set : kSets) {
    if (numerics_of(set) != numerics) continue;
    known = true;
    if (is_supported(set)) return set;
  }
  if (!known)
    throw Error("unknown order of addition \"" + std::string(numerics) +
                "\"; known: auto, portable, avx512_bf16, amx");
  throw Error("this machine's CPU cannot follow the order of addition \"" + std::string(numerics) +
              "\"");
}

}  // namespace troupe
