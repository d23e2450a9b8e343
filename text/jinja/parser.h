// Turns a template's tokens into its syntax tree.
#pragma once

#include <string_view>

#include "text/jinja/nodes.h"

namespace troupe::jinja {

// Throws Error with the line on what is no template, on tags that chat templates have no use for
// (import, extends, ...) and on nesting beyond 100 levels.
Block parse_template(std::string_view source);

}  // namespace troupe::jinja
