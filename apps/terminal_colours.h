// A topology's text in colours, for terminals alone: what runs is bold, what is lost is red.
#pragma once

#include <string>

namespace troupe {

std::string coloured(const std::string& topology_text);

// Whether standard output is a terminal that wants colours; NO_COLOR in the environment refuses
// them.
bool wants_colours();

}  // namespace troupe
