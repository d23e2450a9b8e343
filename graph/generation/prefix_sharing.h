// Sequences that begin alike read what they share once: samples of one prompt, or prompts under one
// system message. Whole blocks of the cache are shared; of the last one, which both will write to,
// the later sequence gets a copy. Keys and values depend on the tokens before them alone, so this
// changes no bit.
#pragma once

#include <memory>
#include <span>

#include "graph/generation/sequence.h"
#include "kernels/attention/key_value_cache.h"

namespace troupe {

// Gives a sequence that holds no blocks yet what the sequences before it have already read of its
// beginning; at least its last token is left to read. False: one of them is still reading much of
// the same, so that it is better to wait for a step.
bool share_prefix(Sequence& sequence, std::span<const std::unique_ptr<Sequence>> earlier,
                  KeyValueCache& cache);

}  // namespace troupe
