#include "base/nearest.h"

#include <algorithm>
#include <limits>

namespace troupe {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  word = word.substr(0, 64);  // a whole line in the wrong place has no near name
  const std::string* best = nullptr;
  int best_distance = std::numeric_limits<int>::max();
  for (const auto& name : names) {
    const int distance = edit_distance(word, name);
    if (distance < best_distance) best = &name, best_distance = distance;
  }
  const int allowed =
      std::max<int>(1, static_cast<int>(std::max(word.size(), best ? best->size() : 0)) / 2);
  return best && best_distance <= allowed ? ", did you mean '" + *best + "'?" : "";
}

}  // namespace troupe
