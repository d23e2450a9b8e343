// Small charts as SVG text.
#pragma once

#include <string>
#include <vector>

namespace troupe {

struct ChartPoint {
  double x = 0, y = 0;
};

// A line through the points, with the range of both axes written beside it.
std::string line_chart(const std::string& title, const std::vector<ChartPoint>& points);

struct ChartShare {
  std::string name;
  double value = 0;
};

// One bar, cut in proportion, with a legend.
std::string share_bar(const std::string& title, const std::vector<ChartShare>& shares);

std::string html_escaped(const std::string& text);

}  // namespace troupe
