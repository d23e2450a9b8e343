#include "apps/score_output.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace troupe {
namespace {

std::string number(double value, int digits = 9) {
  if (!std::isfinite(value))
    throw Error("the model computed " + std::to_string(value) + ": are its weights sound?");
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string json_list(const std::vector<float>& values) {
  std::string text;
  for (float value : values) text += (text.empty() ? "" : ", ") + number(value);
  return "[" + text + "]";
}

double global_norm(const GradientReport& report) {
  double sum = 0;
  for (const auto& [name, squares] : report.squares) sum += squares;
  return std::sqrt(sum);
}

}  // namespace

std::string log_probs_json(const std::vector<std::vector<float>>& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : ", ") + json_list(row);
  return "{\"log_probs\": [" + text + "]}\n";
}

std::string log_probs_text(const std::vector<std::vector<float>>& rows) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    double sum = 0;
    for (float value : rows[i]) sum += value;
    text += "row " + std::to_string(i) + ": " + std::to_string(rows[i].size() + 1) + " tokens";
    if (!rows[i].empty())
      text += ", log-prob " + number(sum, 6) + ", per token " +
              number(sum / static_cast<double>(rows[i].size()), 6);
    text += "\n";
  }
  return text;
}

std::string gradients_json(const GradientReport& report) {
  std::string norms;
  for (const auto& [name, squares] : report.squares)
    norms += (norms.empty() ? "" : ", ") + nlohmann::json(name).dump(-1, ' ', true) + ": " +
             number(std::sqrt(squares));
  return "{\"loss\": " + number(report.loss) +
         ", \"global_grad_norm\": " + number(global_norm(report)) + ", \"grad_norms\": {" + norms +
         "}}\n";
}

std::string gradients_text(const GradientReport& report) {
  std::string text =
      "loss " + number(report.loss, 6) + "\ngradient norm " + number(global_norm(report), 6) + "\n";
  for (const auto& [name, squares] : report.squares)
    text += number(std::sqrt(squares), 6) + "  " + name + "\n";
  return text;
}

}  // namespace troupe
