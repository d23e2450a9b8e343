#include "actors/rlhf/kernels_choice.h"

#include "base/error.h"
#include "kernels/instruction_set.h"

namespace troupe {

void resolve_kernels(Config& config) {
  const auto run = config.as<RunConfig>();
  const auto kernels = run.getNumerics().getKernels();
  if (kernels == RunConfig::Kernels::AUTO) {
    const bool f32 = run.getModel().getDtype() == RunConfig::DType::F32;
    const auto best = f32 ? "portable" : numerics_of(best_instruction_set());
    return config.set("numerics.kernels=" + std::string(best));
  }
  try {
    instruction_set_for(name_of(kernels));
  } catch (const Error& error) {
    config.reject("numerics.kernels", " = " + std::string(name_of(kernels)) + ": " + error.what());
  }
}

void use_kernels(RunConfig::Reader config) {
  use_instruction_set(instruction_set_for(name_of(config.getNumerics().getKernels())));
}

std::string_view name_of(RunConfig::Kernels kernels) {
  switch (kernels) {
    case RunConfig::Kernels::AUTO:
      return "auto";
    case RunConfig::Kernels::PORTABLE:
      return "portable";
    case RunConfig::Kernels::AVX512_BF16:
      return "avx512_bf16";
    case RunConfig::Kernels::AMX:
      return "amx";
  }
  throw Error("numerics.kernels: unknown value");
}

}  // namespace troupe
