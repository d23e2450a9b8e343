// Our side of benchmarks/run.sh: reads requests, one a line, does each and answers with a line.
//
//   model_bench MODEL THREADS
//   train bf16 4 256      -> {"seconds": 0.812, "tokens": 1024}
//
// Requests: train DTYPE ROWS TOKENS [SLICES], documents DTYPE TOKENS, memory DTYPE TOKENS, score
// DTYPE ROWS TOKENS, prefill DTYPE TOKENS, decode DTYPE SEQUENCES TOKENS (where DTYPE may be native
// or int8: weights in the file's blocks or in int8, activations in f32), grpo DTYPE RESPONSES
// TOKENS. The first of a kind sets its work up and does it once untimed. The rivals' programs
// (benchmarks/rivals) speak the same way.
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

#include "base/error.h"
#include "benchmarks/model/work.h"
#include "benchmarks/timing.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {

std::vector<int32_t> token_row(int64_t length, int64_t row, int64_t vocab_size) {
  std::vector<int32_t> ids(length);
  for (int64_t i = 0; i < length; ++i)
    ids[i] = static_cast<int32_t>((1000 + 37 * i + 311 * row) % vocab_size);
  return ids;
}

namespace {

WeightFormat format_named(const std::string& name) {
  if (name == "native") return WeightFormat::native;
  return name == "int8" ? WeightFormat::int8 : WeightFormat::dense;
}

DType dtype_named(const std::string& name) {
  return format_named(name) == WeightFormat::dense ? dtype_from_name(name) : DType::f32;
}

Work make_work(const std::string& request, const LoadedModel& model, ThreadPool& pool) {
  std::istringstream words(request);
  std::string kind, dtype;
  int64_t first = 0, second = 0;
  int slices = 0;
  words >> kind >> dtype >> first >> second >> slices;
  CHECK(first > 0, request);
  const WorkContext context = {model, dtype_named(dtype), format_named(dtype), pool};
  if (kind == "train") return train_work(context, first, second, slices);
  if (kind == "documents") return documents_work(context, first);
  if (kind == "memory") return memory_work(context, first);
  if (kind == "score") return score_work(context, first, second);
  if (kind == "prefill") return prefill_work(context, first);
  if (kind == "decode") return decode_work(context, first, second);
  if (kind == "grpo") return grpo_work(context, first, second);
  throw Error("no work is called " + kind);
}

void serve(const LoadedModel& model, ThreadPool& pool) {
  std::string current, request;
  Work work;
  while (std::getline(std::cin, request)) {
    if (request != current) {
      work = nullptr;  // before the next one takes its memory
      work = make_work(request, model, pool);
      work();
      current = request;
    }
    const Round round = work();
    std::printf("{\"seconds\": %.6f, \"tokens\": %ld%s}\n", round.seconds, round.tokens,
                round.more.c_str());
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  try {
    CHECK(argc == 3, argc);
    const auto model = troupe::load_model(argv[1]);
    troupe::ThreadPool pool(std::stoi(argv[2]));
    troupe::time_threads(pool.num_threads());
    troupe::serve(model, pool);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_bench: %s\n", error.what());
    return 1;
  }
}
