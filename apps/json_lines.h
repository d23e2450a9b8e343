// JSON lines from stdin to stdout: what troupe tokenize and troupe chat-template speak.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

namespace troupe {

// Answers every line of stdin with one line of ASCII JSON. Empty lines are skipped. A line that is
// no JSON, or that `answer` refuses, is a UsageError with the line's number; answers to the lines
// before it are printed.
void answer_json_lines(
    const std::function<nlohmann::ordered_json(const nlohmann::ordered_json&)>& answer);

}  // namespace troupe
