// Which of the machine's instruction sets the kernels use. Every *_cpu.cc is compiled for each
// (cmake/instruction_sets.sh); a call goes to the chosen one's.
//
// In f32 all sets give the same bits. In bf16 there are three orders of addition: avx2 and avx512
// share one, which every machine can follow ("portable"); the dot products of avx512_bf16 and the
// tiles of amx each have their own. A run records its order and keeps to it.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

enum class InstructionSet : long { avx2, avx512, avx512_bf16, amx };

// At start the best that this machine supports, or the one that the environment's
// TROUPE_INSTRUCTION_SET names.
InstructionSet instruction_set();
// Not while a kernel runs. Throws an Error that says what the machine lacks.
void use_instruction_set(InstructionSet set);

bool is_supported(InstructionSet set);
// Throws an Error on a machine that has not even AVX2.
InstructionSet best_instruction_set();
std::string_view name_of(InstructionSet set);

// The order of addition of a set: "portable", "avx512_bf16" or "amx".
std::string_view numerics_of(InstructionSet set);
// The best set of that order; "auto" is any. Throws where the machine has none or the name is
// unknown.
InstructionSet instruction_set_for(std::string_view numerics);

}  // namespace troupe
