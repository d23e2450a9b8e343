// Training and scoring as one stage of a pipeline does them.
#include "benchmarks/model/work.h"
#include "benchmarks/timing.h"
#include "graph/training/scoring.h"

namespace troupe {
namespace {

std::shared_ptr<StageModel> make_stage(const WorkContext& context, Trainable trainable) {
  StageOptions options;
  options.model.dtype = context.dtype;
  options.trainable = trainable;
  auto stage = std::make_shared<StageModel>(context.model.config, options, context.pool);
  stage->load(context.model.weight_reader());
  return stage;
}

LabelledPack make_pack(const WorkContext& context, int64_t rows, int64_t row_tokens) {
  LabelledPack pack;
  for (int64_t row = 0; row < rows; ++row) {
    const auto ids = token_row(row_tokens, row, context.model.config.vocab_size);
    pack.pack.append(ids);
    pack.targets.insert(pack.targets.end(), ids.begin() + 1, ids.end());
    pack.targets.push_back(-1);
  }
  return pack;
}

}  // namespace

Work train_work(const WorkContext& context, int64_t rows, int64_t row_tokens) {
  auto stage = make_stage(context, Trainable::yes);
  return [stage, pack = make_pack(context, rows, row_tokens)] {
    Round round = {.tokens = pack.pack.num_tokens()};
    round.seconds = time_of([&] { mean_cross_entropy_with_gradients(*stage, {&pack, 1}); });
    stage->gradients().clear();
    return round;
  };
}

Work score_work(const WorkContext& context, int64_t rows, int64_t row_tokens) {
  auto stage = make_stage(context, Trainable::no);
  return [stage, pack = make_pack(context, rows, row_tokens)] {
    return Round{time_of([&] { mean_cross_entropy(*stage, {&pack, 1}); }), pack.pack.num_tokens()};
  };
}

}  // namespace troupe
