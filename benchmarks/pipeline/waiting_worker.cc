// A stage's worker that waits on a timer where the product's computes: linked in place of
// actors/train/stage_worker.cc, so that the real stage actor can be timed with more ranks than the
// machine has cores. A micro-batch's forward and each half of its backward take a microsecond for
// each of its tokens; "begin" and "end" of the result's maxima say when the rank's work began
// (negative) and ended, in seconds.
#include <algorithm>
#include <chrono>
#include <thread>

#include "actors/train/stage_worker.h"
#include "benchmarks/timing.h"

namespace troupe {

void StageWorker::start(RunBatch batch) {
  batch_ = std::move(batch);
  result_ = {};
  num_attended_ = num_micro_batches();
}

TensorRef StageWorker::execute(const Instruction& instruction, const std::optional<TensorRef>&) {
  const auto begin = std::chrono::steady_clock::now();
  const double began = now();
  const auto& batch = batch_.micro_batches.at(static_cast<size_t>(instruction.micro_batch));
  const int halves = instruction.work == Work::backward ? 2 : 1;
  const auto takes = std::chrono::microseconds(halves * std::ssize(batch.token_ids));
  std::this_thread::sleep_until(begin + takes);
  result_.busy_ns += std::chrono::nanoseconds(takes).count();
  result_.maxima.try_emplace("begin", -began);
  result_.maxima["end"] = now();
  return make_tensor_ref(std::vector<float>(1), DType::f32, {1});
}

void StageWorker::finish_gradients() {}

TensorRef StageWorker::shared_gradient(int, const std::string&) {
  return make_tensor_ref(std::vector<float>(1), DType::f32, {1});
}

BatchResult StageWorker::take_result() {
  return std::move(result_);
}

}  // namespace troupe
