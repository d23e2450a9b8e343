// What troupe score prints, as JSON and as plain lines. Numbers have nine significant digits, which
// tell any two floats apart; one that is not finite throws an Error, since JSON has no word for it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace troupe {

// {"log_probs": [[...], ...]}
std::string log_probs_json(const std::vector<std::vector<float>>& rows);
std::string log_probs_text(const std::vector<std::vector<float>>& rows);

struct GradientReport {
  double loss = 0;
  std::map<std::string, double> squares;  // of each weight's gradient, by HF's name
};

// {"loss": ..., "global_grad_norm": ..., "grad_norms": {...}}
std::string gradients_json(const GradientReport& report);
std::string gradients_text(const GradientReport& report);

}  // namespace troupe
