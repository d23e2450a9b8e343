// The records of a TensorBoard event file: TFRecord frames around Event protobufs, of which this
// writes the few fields that scalars need (tensorflow/core/util/event.proto).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

using Scalars = std::vector<std::pair<std::string, double>>;  // tag and value

uint32_t crc32c(std::string_view bytes);  // Castagnoli's

// Length, its masked CRC, the bytes, their masked CRC: all little-endian.
std::string tf_record(std::string_view bytes);

// What a file starts with. Times are in seconds since 1970.
std::string version_event(double wall_time);

// Values are kept as f32, as TensorBoard does.
std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars);

}  // namespace troupe
