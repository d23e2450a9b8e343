#include "kernels/loss/head_chunks.h"

namespace troupe {

void head_log_prob_cpu(const KernelArgs& args) {
  const HeadProduct head(args);
  const int64_t tokens = head.hidden.rows();
  const int64_t vocab_size = HeadVocabulary(args, head.weight.n()).size;
  const auto* targets = args.inputs[2].as<int32_t>();
  const HeadReadings readings = {args.outputs[0].as<float>(), args.outputs[1].as<float>(),
                                 args.outputs[2].as<float>()};
  for (const Tensor& output : args.outputs) std::fill_n(output.as<float>(), tokens, 0.0f);
  const auto takes_part = [&](int64_t t) { return has_target(targets, t, vocab_size); };
  for_head_chunks(tokens, vocab_size, takes_part, [&](std::span<const int32_t> rows) {
    read_head_rows(args, head.logits_of(head.gather(rows)), rows, readings);
  });
}

}  // namespace troupe
