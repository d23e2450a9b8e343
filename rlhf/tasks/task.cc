#include "rlhf/tasks/task.h"

#include "base/error.h"

namespace troupe {

double accuracy(const Task& task, const std::vector<std::string>& prompts,
                const std::vector<std::string>& responses) {
  CHECK(prompts.size() == responses.size(), prompts.size(), responses.size());
  if (prompts.empty()) return 0;
  int64_t right = 0;
  for (size_t i = 0; i < prompts.size(); ++i) right += task.answer(prompts[i]) == responses[i];
  return static_cast<double>(right) / static_cast<double>(prompts.size());
}

}  // namespace troupe
