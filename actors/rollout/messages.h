// Messages of rollout engines and weight stores. To add one: a struct with default member
// values, a TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include "actors/message.h"

namespace troupe {}  // namespace troupe

#define TROUPE_ROLLOUT_MESSAGES(ADD)
