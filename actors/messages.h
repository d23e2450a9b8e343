// The protocol on one page: every message that may travel between processes through CAF. CAF wants
// one type-id block, so each area's header lists its messages and this one numbers them all, in an
// order that all nodes of a run share because they run the same binary.
#pragma once

#include "actors/cluster/messages.h"
#include "actors/launch/messages.h"
#include "actors/rlhf/messages.h"
#include "actors/rollout/messages.h"
#include "actors/train/messages.h"

#define TROUPE_ADD_TYPE_ID(Type) CAF_ADD_TYPE_ID(troupe_messages, (troupe::Type))

CAF_BEGIN_TYPE_ID_BLOCK(troupe_messages, first_custom_type_id)
  TROUPE_CLUSTER_MESSAGES(TROUPE_ADD_TYPE_ID)
  TROUPE_LAUNCH_MESSAGES(TROUPE_ADD_TYPE_ID)
  TROUPE_TRAIN_MESSAGES(TROUPE_ADD_TYPE_ID)
  TROUPE_ROLLOUT_MESSAGES(TROUPE_ADD_TYPE_ID)
  TROUPE_RLHF_MESSAGES(TROUPE_ADD_TYPE_ID)
CAF_END_TYPE_ID_BLOCK(troupe_messages)
