#include "apps/json_lines.h"

#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json_reason.h"

namespace troupe {

using json = nlohmann::ordered_json;

void answer_json_lines(const std::function<json(const json&)>& answer) {
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    try {
      std::cout << answer(json::parse(line)).dump(-1, ' ', true) << '\n';
    } catch (const nlohmann::json::exception& e) {
      throw UsageError("line " + std::to_string(number) + " of stdin: " + json_reason(e));
    } catch (const Error& e) {
      throw UsageError("line " + std::to_string(number) + " of stdin: " + e.what());
    }
  }
}

}  // namespace troupe
