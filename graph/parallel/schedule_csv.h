// A schedule's table as CSV, for a person and a spreadsheet: a row for each rank, a cell for each
// instruction: F3, B3, I3, W3 (forward, backward, input gradient, weight gradient of micro-batch
// 3), with ".1" behind it for a rank's second chunk.
#pragma once

#include <string>
#include <string_view>

#include "graph/parallel/schedule.h"

namespace troupe {

std::string to_csv(const ScheduleTable& table);
// Throws an Error naming row, column and text of a cell that is none.
ScheduleTable table_from_csv(std::string_view text);

}  // namespace troupe
