// pipeline_bench UNIT_MS BATCHES RANKS:MICRO_BATCHES...: for how long a pipeline's ranks idle under
// each schedule, measured through real stage actors whose workers wait instead of computing (see
// waiting_worker.cc), against the formula of the schedule's paper. A forward through all of a
// rank's chunks takes UNIT_MS, as does each half of a backward. A row has the median of BATCHES:
//   bubble    of all ranks' time from the first instruction's begin to the last one's end, as an
//             optimizer step that all ranks wait for has it
//   own time  of each rank's time from its own first instruction to its own last
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "actors/trace/system_config.h"
#include "actors/train/stage.h"
#include "base/error.h"
#include "benchmarks/timing.h"
#include "kernels/elementwise/rope_frequencies.h"

namespace troupe {
namespace {

LlamaConfig small_model(int num_layers) {
  LlamaConfig config;
  config.hidden_size = 8;
  config.intermediate_size = 8;
  config.vocab_size = 16;
  config.max_position_embeddings = 64;
  config.num_hidden_layers = num_layers;
  config.num_attention_heads = 1;
  config.num_key_value_heads = 1;
  config.head_dim = 8;
  config.tie_word_embeddings = false;
  config.inverse_frequencies =
      std::make_shared<const std::vector<float>>(default_rope_frequencies(8, 10000.0));
  return config;
}

struct Bubble {
  double whole = 0, own = 0;
};

class Pipeline {
 public:
  Pipeline(const Schedule& schedule, int num_ranks)
      : schedule_(schedule), mesh_{num_ranks, 1, 1}, compute_(make_compute(num_ranks)) {
    TransportMap map;
    map.endpoint_of_node["here"] = "";
    for (int rank = 0; rank < num_ranks; ++rank) map.node_of_address[address_of(rank)] = "here";
    transport_ = std::make_unique<Transport>("here", map, [](const std::string&) {});
    for (int rank = 0; rank < num_ranks; ++rank) spawn(rank);
  }
  ~Pipeline() {
    for (const auto& stage : stages_) self_->send_exit(stage, caf::exit_reason::user_shutdown);
    for (const auto& stage : stages_) self_->wait_for(stage);
  }

  Bubble run(int64_t batch, int64_t num_micro_batches, int64_t microseconds) {
    RunBatch work;
    work.batch = batch;
    work.loss.kind = LossKind::nll;
    for (int64_t i = 0; i < num_micro_batches; ++i) {
      auto& one = work.micro_batches.emplace_back();
      one.index = i;
      one.token_ids.resize(static_cast<size_t>(microseconds / schedule_.least_chunks));
    }
    std::vector<decltype(self_->request(stages_[0], caf::infinite, work))> requests;
    for (const auto& stage : stages_)
      requests.push_back(self_->request(stage, std::chrono::seconds(60), work));
    std::vector<BatchResult> results;
    for (auto& request : requests)
      request.receive([&](BatchResult& result) { results.push_back(std::move(result)); },
                      [&](caf::error& error) { throw Error(system_.render(error)); });
    return bubble_of(results);
  }

 private:
  static std::shared_ptr<Compute> make_compute(int num_ranks) {
    static CoreGate no_limit;
    return std::make_shared<Compute>(1, num_ranks, no_limit);
  }
  static Bubble bubble_of(const std::vector<BatchResult>& results) {
    double busy = 0, own = 0, begin = -results[0].maxima.at("begin"), end = 0;
    for (const auto& result : results) {
      const double first = -result.maxima.at("begin"), last = result.maxima.at("end");
      busy += static_cast<double>(result.busy_ns) * 1e-9;
      own += last - first;
      begin = std::min(begin, first);
      end = std::max(end, last);
    }
    return {1 - busy / (static_cast<double>(results.size()) * (end - begin)), 1 - busy / own};
  }

  std::string address_of(int rank) const { return stage_address("policy", mesh_, {rank, 0, 0}); }

  void spawn(int rank) {
    StageConfig config;
    config.role = "policy";
    config.num_chunks = schedule_.least_chunks;
    config.model = small_model(mesh_.pipeline * config.num_chunks);
    config.mesh = mesh_;
    config.point = {rank, 0, 0};
    config.schedule = std::string(schedule_.name);
    config.options.trainable = Trainable::yes;
    config.transport = transport_.get();
    config.compute = compute_;
    stages_.push_back(system_.spawn<caf::detached>(stage, config));
    transport_->add_local(address_of(rank), caf::actor_cast<TensorInlet>(stages_.back()));
  }

  const Schedule& schedule_;
  Mesh mesh_;
  SystemConfig config_;
  caf::actor_system system_{config_};
  caf::scoped_actor self_{system_};
  std::shared_ptr<Compute> compute_;
  std::unique_ptr<Transport> transport_;
  std::vector<Stage> stages_;
};

// In units of a chunk's forward, as which each half of its backward takes as long: a rank idles for
// p - 1 of them, or where backwards are whole, 3 (p - 1), of 3 v m and what it idles.
double formula(const Schedule& schedule, double p, double m) {
  const double idle = schedule.splits_backward ? p - 1 : 3 * (p - 1);
  return idle / (3 * schedule.least_chunks * m + idle);
}

void measure(int num_ranks, int64_t num_micro_batches, int64_t microseconds, int num_batches) {
  for (const Schedule* schedule : all_schedules()) {
    Pipeline pipeline(*schedule, num_ranks);
    std::vector<double> whole, own;
    for (int batch = 0; batch <= num_batches; ++batch) {
      const Bubble bubble = pipeline.run(batch, num_micro_batches, microseconds);
      if (batch == 0) continue;
      whole.push_back(100 * bubble.whole);
      own.push_back(100 * bubble.own);
    }
    printf("| %s | %d | %ld | %.1f | %.1f | %.1f |\n", std::string(schedule->name).c_str(),
           num_ranks, num_micro_batches, quantile(whole, 0.5),
           100 * formula(*schedule, num_ranks, static_cast<double>(num_micro_batches)),
           quantile(own, 0.5));
    fflush(stdout);
  }
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  CHECK(argc > 3, argc);
  troupe::time_threads(2);
  printf("| schedule | ranks | micro-batches | bubble, %% | formula, %% | of own time, %% |\n");
  printf("|---|---|---|---|---|---|\n");
  for (int i = 3; i < argc; ++i) {
    int num_ranks = 0;
    long num_micro_batches = 0;
    const int found = sscanf(argv[i], "%d:%ld", &num_ranks, &num_micro_batches);
    CHECK(found == 2 && num_micro_batches >= num_ranks, argv[i]);
    troupe::measure(num_ranks, num_micro_batches, std::atoll(argv[1]) * 1000, std::atoi(argv[2]));
  }
  return 0;
}
