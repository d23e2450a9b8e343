#include "storage/journal/process_start.h"

#include <fstream>
#include <sstream>
#include <string>

namespace troupe {

// proc(5): the 22nd field of stat; the second, in brackets, may hold blanks.
uint64_t process_start(int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  auto end_of_name = text.rfind(')');
  if (end_of_name == text.npos) return 0;
  std::istringstream fields(text.substr(end_of_name + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  uint64_t start = 0;
  fields >> start;
  return start;
}

}  // namespace troupe
