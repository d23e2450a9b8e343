// Rewards that are a rule and no model.
#pragma once

#include "actors/rlhf/reward.h"
#include "actors/rlhf/run_setup.h"

namespace troupe {

// VADER's sentiment of the response's text, from -1 to 1, by the lexicon that reward.lexicon_path
// names (and emoji_utf8_lexicon.txt beside it, if it is there).
RewardRule vader_rule(const RunSetup& setup);

}  // namespace troupe
