// What a run did, as one page that needs nothing else: curves, shares of time, samples, config,
// hash.
#pragma once

#include <string>

namespace troupe {

// HTML of the run in a folder. Throws UsageError if it is none, or has no metrics yet.
std::string report_page(const std::string& run_dir);

}  // namespace troupe
