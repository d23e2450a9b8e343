// Tiny random checkpoints of the Llama family (rope scalings, biases, shards, bf16 and f16 files)
// against the logits, losses, gradients and greedy ids that transformers computes for them.
#include <gtest/gtest.h>

#include "base/error.h"
#include "storage/safetensors/reader.h"
#include "tests/actors/model/golden.h"

namespace troupe {
namespace {

class GoldenModelTest : public ::testing::TestWithParam<std::string> {
 protected:
  // The rows of an i64 tensor [rows, tokens].
  std::vector<std::vector<int32_t>> rows(const std::string& name) const {
    const auto& tensor = tensor_of(name);
    const auto* ids = reinterpret_cast<const int64_t*>(tensor.bytes.data());
    std::vector<std::vector<int32_t>> rows;
    for (int64_t row = 0; row < tensor.shape[0]; ++row, ids += tensor.shape[1])
      rows.emplace_back(ids, ids + tensor.shape[1]);
    return rows;
  }

  const TensorView& tensor_of(const std::string& name) const {
    for (const auto& tensor : file_.tensors())
      if (tensor.name == name) return tensor;
    throw Error("golden.safetensors has no " + name);
  }

  void expect_logits(const std::string& ids, const std::string& logits) {
    const auto stage = stage_of(model_, Head::logits, Trainable::no, pool_);
    auto pack = std::make_shared<Pack>();
    for (const auto& row : rows(ids)) pack->append(row);
    stage->forward(0, pack, nullptr, nullptr);
    const auto& found = stage->output(0, "logits");
    const auto& expected = tensor_of(logits);
    ASSERT_EQ(static_cast<size_t>(num_elements(found.shape)) * sizeof(float),
              expected.bytes.size());
    const auto* values = reinterpret_cast<const float*>(expected.bytes.data());
    double worst = 0;
    for (int64_t i = 0; i < num_elements(found.shape); ++i)
      worst = std::max<double>(worst, std::abs(found.as<float>()[i] - values[i]));
    EXPECT_LE(worst, 1e-4);
  }

  double loss(const std::string& ids) {
    const auto stage = stage_of(model_, Head::log_prob, Trainable::no, pool_);
    return mean_cross_entropy(*stage, labelled(ids));
  }

  std::vector<LabelledPack> labelled(const std::string& ids) const {
    std::vector<LabelledPack> packs;
    for (const auto& row : rows(ids)) packs.push_back(next_token_targets(row));
    return packs;
  }

  std::string folder_ = golden_path("models/" + GetParam());
  nlohmann::json golden_ = read_json_file(folder_ + "/golden.json");
  SafetensorsFile file_{folder_ + "/golden.safetensors"};
  LoadedModel model_ = load_model(folder_);
  ThreadPool pool_{2};
};

TEST_P(GoldenModelTest, ComputesTheLogits) {
  expect_logits("input_ids", "logits");
  expect_logits("input_ids_long", "logits_long");
}

TEST_P(GoldenModelTest, ComputesTheLosses) {
  EXPECT_NEAR(loss("input_ids"), golden_["loss"].get<double>(), 1e-5);
  EXPECT_NEAR(loss("input_ids_long"), golden_["loss_long"].get<double>(), 1e-5);
}

TEST_P(GoldenModelTest, ComputesTheGradients) {
  const auto stage = stage_of(model_, Head::log_prob, Trainable::yes, pool_);
  const double loss = mean_cross_entropy_with_gradients(*stage, labelled("input_ids"));
  EXPECT_NEAR(loss, golden_["loss"].get<double>(), 1e-5);
  const auto squares = stage->gradient_squares();
  EXPECT_LE(relative_difference(global_norm(squares), golden_["global_grad_norm"]), 1e-4);
  ASSERT_EQ(squares.size(), golden_["grads"].size());
  for (const auto& [name, expected] : golden_["grads"].items()) {
    EXPECT_LE(relative_difference(std::sqrt(squares.at(name)), expected["norm"]), 1e-4) << name;
    const auto values = stage->gradients().sum(name);
    const double largest = expected["absmax_value"];
    for (int i = 0; i < 4; ++i)
      EXPECT_NEAR(values[i], expected["first4"][i].get<double>(), 1e-4 * std::abs(largest)) << name;
    EXPECT_LE(relative_difference(values[expected["absmax_at"]], largest), 1e-4) << name;
  }
}

TEST_P(GoldenModelTest, ContinuesGreedily) {
  const auto ids = rows("input_ids").at(0);
  const std::vector<int32_t> prompt(ids.begin(), ids.begin() + 8);
  EXPECT_EQ(greedy(model_, {prompt}, 16, pool_).at(0),
            golden_["greedy"]["ids"].get<std::vector<int32_t>>());
}

INSTANTIATE_TEST_SUITE_P(Llama, GoldenModelTest,
                         ::testing::Values("llama", "llama_bf16", "llama_rope_linear",
                                           "llama_rope_llama3", "llama_sharded"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace troupe
