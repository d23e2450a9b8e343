#include "actors/cluster/process.h"

#include <cstring>

namespace troupe {

std::string to_string(const ExitStatus& status) {
  if (!status.unseen.empty()) return status.unseen;
  if (!status.by_signal) return "exited with status " + std::to_string(status.number);
  return "was killed by signal " + std::to_string(status.number) + " (" + strsignal(status.number) +
         ")";
}

}  // namespace troupe
