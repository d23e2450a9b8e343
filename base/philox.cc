#include "base/philox.h"

#include "base/error.h"

namespace troupe {

std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter,
                                      std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

// The counter holds (prompt id's low half, sample, position, draw); seed, purpose and the prompt
// id's high half are hashed into the key by one more application of the same function.
std::array<uint32_t, 4> philox(const RandomAddress& address, uint32_t draw) {
  const auto seed_low = static_cast<uint32_t>(address.seed);
  const auto seed_high = static_cast<uint32_t>(address.seed >> 32);
  const auto prompt_low = static_cast<uint32_t>(address.prompt_id);
  const auto prompt_high = static_cast<uint32_t>(address.prompt_id >> 32);
  const auto key = philox4x32_10({static_cast<uint32_t>(address.purpose), prompt_high, 0, 0},
                                 {seed_low, seed_high});
  return philox4x32_10({prompt_low, address.sample_index, address.position, draw},
                       {key[0], key[1]});
}

double uniform(const RandomAddress& address, uint32_t draw) {
  const auto words = philox(address, draw);
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

// Multiply-shift on 64 bits: the bias is below bound / 2^64.
uint64_t uniform_below(const RandomAddress& address, uint64_t bound, uint32_t draw) {
  CHECK(bound > 0, bound);
  const auto words = philox(address, draw);
  const uint64_t bits = uint64_t{words[0]} << 32 | words[1];
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

// The sum of twelve uniforms, less six (Irwin-Hall): no libm function whose last bit varies by CPU.
double normal(const RandomAddress& address, uint32_t draw) {
  double sum = 0;
  for (uint32_t i = 0; i < 3; ++i)
    for (uint32_t word : philox(address, draw * 3 + i)) sum += (word + 0.5) * 0x1p-32;
  return sum - 6;
}

}  // namespace troupe
