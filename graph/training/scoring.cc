#include "graph/training/scoring.h"

#include <algorithm>

#include "base/error.h"
#include "graph/losses/nll_loss.h"

namespace troupe {
namespace {

// How many rows from `first` on fit into one pack: at least one.
size_t rows_that_fit(std::span<const std::vector<int32_t>> rows, size_t first, int64_t max_tokens) {
  size_t last = first;
  int64_t tokens = 0;
  do {
    tokens += static_cast<int64_t>(rows[last++].size());
  } while (last < rows.size() && tokens + static_cast<int64_t>(rows[last].size()) <= max_tokens);
  return last - first;
}

void append(LabelledPack& pack, const LabelledPack& row) {
  pack.pack.append(row.pack.token_ids);
  pack.targets.insert(pack.targets.end(), row.targets.begin(), row.targets.end());
}

void forward(StageModel& model, const LabelledPack& pack, Forward extent = Forward::whole) {
  model.forward(0, std::make_shared<const Pack>(pack.pack), nullptr,
                std::make_shared<const std::vector<int32_t>>(pack.targets), extent);
}

int64_t count_targets(std::span<const LabelledPack> packs) {
  int64_t count = 0;
  for (const auto& pack : packs)
    count +=
        std::count_if(pack.targets.begin(), pack.targets.end(), [](int32_t t) { return t >= 0; });
  CHECK(count > 0, packs.size());
  return count;
}

double mean_cross_entropy(StageModel& model, std::span<const LabelledPack> packs,
                          bool with_gradients) {
  const float scale = 1.0f / static_cast<float>(count_targets(packs));
  NllLossSums sums;
  for (const auto& pack : packs) {
    const size_t tokens = pack.targets.size();
    std::vector<float> weight(tokens);
    for (size_t t = 0; t < tokens; ++t) weight[t] = pack.targets[t] >= 0 ? 1.0f : 0.0f;
    const TokenLoss loss = [&](const TokenLossArgs& args) {
      const auto part = std::span<const float>(weight).subspan(args.first, args.log_prob.size());
      sums += nll_loss<float>(args.log_prob, part, scale, args.d_log_prob);
    };
    forward(model, pack, with_gradients ? Forward::to_loss : Forward::whole);
    if (with_gradients) {
      model.backward(0, loss);
    } else {
      std::vector<float> unused(tokens);
      loss({.log_prob = {model.output(0, "log_prob").as<float>(), tokens}, .d_log_prob = unused});
    }
    model.finish(0);
  }
  return sums.nll / static_cast<double>(sums.tokens);
}

}  // namespace

std::vector<std::vector<float>> next_log_probs(StageModel& model,
                                               std::span<const std::vector<int32_t>> rows,
                                               int64_t max_tokens_per_pack) {
  std::vector<std::vector<float>> log_probs;
  while (log_probs.size() < rows.size()) {
    const size_t first = log_probs.size();
    const size_t count = rows_that_fit(rows, first, max_tokens_per_pack);
    LabelledPack pack;
    for (const auto& row : rows.subspan(first, count)) append(pack, next_token_targets(row));
    forward(model, pack);
    const auto* at = model.output(0, "log_prob").as<float>();
    for (const auto& row : rows.subspan(first, count)) {
      log_probs.emplace_back(at, at + row.size() - 1);
      at += row.size();
    }
    model.finish(0);
  }
  return log_probs;
}

LabelledPack next_token_targets(std::span<const int32_t> ids) {
  CHECK(!ids.empty());
  LabelledPack row;
  row.pack.append(ids);
  row.targets.assign(ids.begin() + 1, ids.end());
  row.targets.push_back(-1);
  return row;
}

double mean_cross_entropy(StageModel& model, std::span<const LabelledPack> packs) {
  return mean_cross_entropy(model, packs, false);
}

double mean_cross_entropy_with_gradients(StageModel& model, std::span<const LabelledPack> packs) {
  const double loss = mean_cross_entropy(model, packs, true);
  model.gradients().finish();
  return loss;
}

}  // namespace troupe
