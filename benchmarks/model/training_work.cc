// Training and scoring as one stage of a pipeline does them.
#include <algorithm>

#include "benchmarks/model/training.h"
#include "benchmarks/timing.h"

namespace troupe {

std::shared_ptr<StageModel> make_stage(const WorkContext& context, const StageOptions& options) {
  StageOptions all = options;
  all.model.dtype = context.dtype;
  auto stage = std::make_shared<StageModel>(context.model.config, all, context.pool);
  stage->load(context.model.weight_reader());
  return stage;
}

LabelledPack make_pack(const WorkContext& context, const std::vector<int64_t>& lengths) {
  LabelledPack pack;
  for (size_t row = 0; row < lengths.size(); ++row) {
    const auto ids =
        token_row(lengths[row], static_cast<int64_t>(row), context.model.config.vocab_size);
    pack.pack.append(ids);
    pack.targets.insert(pack.targets.end(), ids.begin() + 1, ids.end());
    pack.targets.push_back(-1);
  }
  return pack;
}

std::vector<int64_t> document_lengths(int64_t tokens) {
  std::vector<int64_t> lengths;
  for (int64_t left = tokens; left > 0; left -= 4096) {
    const int64_t both = std::min<int64_t>(left, 4096), shorter = both / 4;
    lengths.push_back(both - shorter);
    if (shorter > 0) lengths.push_back(shorter);
  }
  return lengths;
}

namespace {

Work steps_of(const WorkContext& context, const StageOptions& options, LabelledPack pack) {
  auto stage = make_stage(context, options);
  return [stage, pack = std::move(pack)] {
    Round round = {.tokens = pack.pack.num_tokens()};
    round.seconds = time_of([&] { mean_cross_entropy_with_gradients(*stage, {&pack, 1}); });
    stage->gradients().clear();
    return round;
  };
}

}  // namespace

Work train_work(const WorkContext& context, int64_t rows, int64_t row_tokens, int tensor_slices) {
  StageOptions options;
  options.model.tensor_slices = tensor_slices;
  options.trainable = Trainable::yes;
  return steps_of(context, options, make_pack(context, std::vector(rows, row_tokens)));
}

Work documents_work(const WorkContext& context, int64_t tokens) {
  StageOptions options;
  options.trainable = Trainable::yes;
  options.recompute = Recompute::layer;
  return steps_of(context, options, make_pack(context, document_lengths(tokens)));
}

Work score_work(const WorkContext& context, int64_t rows, int64_t row_tokens) {
  auto stage = make_stage(context, {});
  return [stage, pack = make_pack(context, std::vector(rows, row_tokens))] {
    return Round{time_of([&] { mean_cross_entropy(*stage, {&pack, 1}); }), pack.pack.num_tokens()};
  };
}

}  // namespace troupe
