// Randomness that is addressed, not drawn: Philox4x32-10 (Salmon et al., SC'11) as a pure function
// of where a number is used. The same address gives the same number in any process, at any time.
#pragma once

#include <array>
#include <cstdint>

namespace troupe {

// What a number is for. Part of the address, so that two uses never share noise.
enum class Purpose : uint32_t {
  kInitialWeights = 1,
  kSampling,
  kPrompt,
  kDemonstration,
  kPreference,
  kEpochOrder,
  kEvaluation,
  kEviction,
};

struct RandomAddress {
  uint64_t seed = 0;
  Purpose purpose = Purpose::kSampling;
  uint64_t prompt_id = 0;
  uint32_t sample_index = 0;
  uint32_t position = 0;
};

// Four independent 32-bit numbers. `draw` tells apart several draws at one address.
std::array<uint32_t, 4> philox(const RandomAddress& address, uint32_t draw = 0);

// The bare generator: counter and key to four words.
std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

double uniform(const RandomAddress& address, uint32_t draw = 0);  // in [0, 1), 53 bits
uint64_t uniform_below(const RandomAddress& address, uint64_t bound, uint32_t draw = 0);
double normal(const RandomAddress& address, uint32_t draw = 0);  // mean 0, variance 1

}  // namespace troupe
