// Every op there is, by name.
#pragma once

#include <span>
#include <string_view>

#include "kernels/op.h"

namespace troupe {

std::span<const OpDef* const> all_ops();
const OpDef& op_named(std::string_view name);  // throws on an unknown name

}  // namespace troupe
