// A kernel's input that is made row by row where it is about to be read ("prologue"), instead of
// being written by an op before it.
#pragma once

#include <cstdint>
#include <functional>

namespace troupe {

// Writes row `row` to `to`. Called by several threads, each for the rows that it will read.
using MakeRow = std::function<void(int64_t row, void* to)>;

}  // namespace troupe
