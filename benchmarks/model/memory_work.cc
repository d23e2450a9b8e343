// What a training step takes of memory: as the plan predicts, as buffers count it, and as the
// operating system sees it.
#include <fstream>
#include <string>

#include "base/error.h"
#include "benchmarks/model/training.h"
#include "benchmarks/timing.h"

namespace troupe {
namespace {

// A line of /proc/self/status, in bytes: "VmHWM" is the most that was ever resident, "VmRSS" what
// is now.
int64_t process_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) * 1024;
  throw Error("/proc/self/status has no " + key);
}

std::string classes_text(const MemoryForecast& forecast, const MemoryUse& use) {
  std::string text;
  for (int i = 0; i < kNumMemoryClasses; ++i)
    text += "\"" + std::string(name_of(static_cast<MemoryClass>(i))) + "\": [" +
            std::to_string(forecast.bytes[i]) + ", " + std::to_string(use.peak[i]) + "], ";
  return text + "\"total\": [" + std::to_string(forecast.total()) + ", " +
         std::to_string(use.total_peak) + "]";
}

}  // namespace

// A peak needs no second step: the first one's is the answer.
Work memory_work(const WorkContext& context, int64_t tokens) {
  const int64_t before = process_bytes("VmRSS");
  StageOptions options;
  options.trainable = Trainable::yes;
  options.recompute = Recompute::layer;
  const auto stage = make_stage(context, options);
  const auto pack = make_pack(context, document_lengths(tokens));
  Round round = {.tokens = tokens};
  round.seconds = time_of([&] {
    mean_cross_entropy_with_gradients(*stage, {&pack, 1});
    stage->apply_adamw({.learning_rate = 1e-6f}, 1, 1);
  });
  round.more = ", \"bytes\": {" + classes_text(stage->forecast_memory(tokens), memory_use()) +
               "}, \"resident_before\": " + std::to_string(before) +
               ", \"resident_peak\": " + std::to_string(process_bytes("VmHWM"));
  return [round] { return round; };
}

}  // namespace troupe
