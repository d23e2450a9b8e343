// Documentation of a config's keys, made from its schema: what `troupe config explain` prints.
#pragma once

#include <capnp/schema.h>

#include <string>

namespace troupe {

// For each key at or below `key` (all if ""): a line with name, default and what it must be, and a
// line with its meaning. Throws UsageError, with the nearest key, if there is no such key.
std::string explain(capnp::StructSchema schema, const std::string& key);

}  // namespace troupe
