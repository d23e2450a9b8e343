// Whether files of two hosts are the same, told in milliseconds however large they are.
#pragma once

#include <string>

namespace troupe {

// Sixteen hexadecimal digits over a file, or over the .json, .safetensors and .gguf files of a
// folder with their names. Files up to 4 MiB count with every byte; larger ones with their size
// and 64 blocks of 64 KiB spread evenly, first and last included: it tells two trainings of one
// model apart, not two copies of which one has a flipped bit. Throws if a file cannot be read.
std::string fingerprint(const std::string& path);

}  // namespace troupe
