// The nearest of some names, for messages about a misspelt one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);

// ", did you mean 'x'?" for the nearest of `names`, or "" if none is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

}  // namespace troupe
