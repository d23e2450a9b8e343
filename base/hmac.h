// Proof of knowing a secret, and the random bytes that such proofs are made over.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

// HMAC-SHA256 (RFC 2104) as 64 lower-case hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view message);

// As long as the inputs are equally long, takes a time that does not depend on where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// `num_bytes` from the system's secure generator, in hexadecimal. Not for anything that a run must
// be able to repeat: that is what philox.h is for.
std::string random_hex(size_t num_bytes);

}  // namespace troupe
