// Divides a step's micro-batches among the optimizer updates of an epoch, and weighs their tokens.
#pragma once

#include <vector>

#include "actors/train/messages.h"
#include "base/philox.h"
#include "graph/losses/aggregation.h"

namespace troupe {

// `count` mini-batches of whole micro-batches, in an order that `address` gives; with one, the
// order stays. Micro-batches are numbered anew within each. Fewer than `count` where there are not
// enough.
std::vector<std::vector<MicroBatch>> split_into_mini_batches(std::vector<MicroBatch> micro_batches,
                                                             int64_t count,
                                                             const RandomAddress& address);

// Turns the "weight" column (1: response token) into the aggregation's weights and returns the
// scale that goes with them, by the counts of this mini-batch.
float weigh(std::vector<MicroBatch>& mini_batch, LossAggregation aggregation);

}  // namespace troupe
