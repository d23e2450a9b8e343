// The schedules that there are; each lives in a file of its own.
#pragma once

#include "graph/parallel/schedule.h"

namespace troupe {

extern const Schedule gpipe_schedule, one_f_one_b_schedule, interleaved_schedule, zb_h1_schedule,
    zbv_schedule;

}  // namespace troupe
