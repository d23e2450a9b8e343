#include "apps/score_output.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

TEST(ScoreOutputTest, FloatsReadBackAsTheyWere) {
  const std::vector<std::vector<float>> rows = {{-1.0f / 3, -12.3456789f, -1e-7f}, {}};
  const auto read = nlohmann::json::parse(log_probs_json(rows));
  EXPECT_EQ(read["log_probs"].get<std::vector<std::vector<float>>>(), rows);
}

TEST(ScoreOutputTest, TheGlobalNormIsThatOfAllWeights) {
  const auto read = nlohmann::json::parse(gradients_json({2.5, {{"a", 9.0}, {"b", 16.0}}}));
  EXPECT_EQ(read, (nlohmann::json{{"loss", 2.5},
                                  {"global_grad_norm", 5.0},
                                  {"grad_norms", {{"a", 3.0}, {"b", 4.0}}}}));
}

TEST(ScoreOutputTest, RefusesWhatIsNoNumber) {
  EXPECT_THROW(log_probs_json({{NAN}}), Error);
  EXPECT_THROW(gradients_json({INFINITY, {}}), Error);
}

}  // namespace
}  // namespace troupe
