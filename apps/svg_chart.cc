#include "apps/svg_chart.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace troupe {
namespace {

constexpr double kWidth = 360, kHeight = 150, kLeft = 56, kBottom = 22, kTop = 8;
constexpr const char* kColours[] = {"#3b6fb6", "#d9822b", "#4c9a63", "#b0497a",
                                    "#7a6bb5", "#8a8a8a", "#c2a83e", "#4aa3a8"};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return "<text x='" + number(x) + "' y='" + number(y) + "' text-anchor='" + anchor + "'>" + text +
         "</text>";
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string line_chart(const std::string& title, const std::vector<ChartPoint>& points) {
  if (points.empty()) return "";
  const auto [first, last] = std::ranges::minmax(points, {}, &ChartPoint::x);
  const auto [low, high] = std::ranges::minmax(points, {}, &ChartPoint::y);
  const bool is_flat = high.y == low.y;  // then in the middle
  const double x_range = std::max(last.x - first.x, 1e-12), y_range = is_flat ? 1 : high.y - low.y;
  const double top = is_flat ? low.y + 0.5 : high.y;
  const double plot_width = kWidth - kLeft - 8, plot_height = kHeight - kTop - kBottom;
  std::ostringstream line;
  for (const auto& point : points)
    line << number(kLeft + (point.x - first.x) / x_range * plot_width) << ","
         << number(kTop + (top - point.y) / y_range * plot_height) << " ";
  return "<figure><figcaption>" + html_escaped(title) + "</figcaption><svg viewBox='0 0 " +
         number(kWidth) + " " + number(kHeight) + "' role='img' aria-label='" +
         html_escaped(title) + "'><rect x='" + number(kLeft) + "' y='" + number(kTop) +
         "' width='" + number(plot_width) + "' height='" + number(plot_height) +
         "' class='plot'/><polyline points='" + line.str() + "'/>" +
         (is_flat ? label(kLeft - 4, kTop + plot_height / 2 + 4, "end", number(low.y))
                  : label(kLeft - 4, kTop + 10, "end", number(high.y)) +
                        label(kLeft - 4, kTop + plot_height, "end", number(low.y))) +
         label(kLeft, kHeight - 6, "start", number(first.x)) +
         label(kWidth - 8, kHeight - 6, "end", "step " + number(last.x)) + "</svg></figure>";
}

std::string share_bar(const std::string& title, const std::vector<ChartShare>& shares) {
  double total = 0;
  for (const auto& share : shares) total += share.value;
  if (total <= 0) return "";
  std::string bars, legend;
  double at = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const std::string colour = kColours[i % std::size(kColours)];
    const double percent = 100 * shares[i].value / total;
    bars += "<rect x='" + number(at) + "%' width='" + number(percent) + "%' height='22' fill='" +
            colour + "'/>";
    legend += "<li><i style='background:" + colour + "'></i>" + html_escaped(shares[i].name) + " " +
              fixed(shares[i].value, 2) + " s (" + fixed(percent, 1) + " %)</li>";
    at += percent;
  }
  return "<figure class='wide'><figcaption>" + html_escaped(title) +
         "</figcaption><svg class='bar' width='100%' height='22'>" + bars + "</svg><ul>" + legend +
         "</ul></figure>";
}

}  // namespace troupe
