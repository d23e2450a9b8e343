#include "graph/parallel/plan_search.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <tuple>

#include "graph/parallel/schedule.h"

namespace troupe {
namespace {

constexpr size_t kBest = 5;

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  return text;
}

// The class of bytes that takes most.
std::string largest(const PlanBytes& bytes) {
  const std::pair<const char*, double> classes[] = {{"weights", bytes.weights},
                                                    {"gradients", bytes.gradients},
                                                    {"optimizer", bytes.optimizer},
                                                    {"activations", bytes.activations},
                                                    {"communication", bytes.communication}};
  const auto& most = *std::ranges::max_element(classes, {}, [](auto& one) { return one.second; });
  return std::string(most.first) + " of " + gigabytes(most.second);
}

class Search {
 public:
  Search(const TrainingWork& work, const Hardware& hardware) : work_(work), hardware_(hardware) {}

  PlanSearch run() {
    const int devices = hardware_.num_devices();
    for (int tensor = 1; tensor <= devices; ++tensor) {
      if (devices % tensor != 0 || !may_be_tensor(tensor)) continue;
      for (int data = 1; data <= devices / tensor; ++data)
        if (devices / tensor % data == 0 && may_be_data(data))
          try_mesh({devices / tensor / data, data, tensor});
    }
    rank();
    return std::move(result_);
  }

 private:
  void rule_out(const std::string& degree, const std::string& why) {
    result_.ruled_out.push_back(degree + ": " + why);
  }

  bool may_be_tensor(int tensor) {
    const std::string degree = "tensor " + std::to_string(tensor);
    if (tensor > hardware_.devices_per_host)
      return rule_out(degree,
                      "a host has " + std::to_string(hardware_.devices_per_host) + " devices"),
             false;
    if (!is_aligned(tensor, work_.tensor_slices))
      return rule_out(degree, "does not align with " + std::to_string(work_.tensor_slices) +
                                  " slices (numerics.tensor_slices)"),
             false;
    return true;
  }

  bool may_be_data(int data) {
    if (is_aligned(data, work_.data_slices)) return true;
    const std::string degree = "data " + std::to_string(data);
    const std::string why = "does not align with " + std::to_string(work_.data_slices) +
                            " groups (numerics.data_slices)";
    if (std::ranges::find(result_.ruled_out, degree + ": " + why) == result_.ruled_out.end())
      rule_out(degree, why);
    return false;
  }

  void try_mesh(const Mesh& mesh) {
    if (mesh.pipeline > work_.model.num_hidden_layers)
      return rule_out("pipeline " + std::to_string(mesh.pipeline),
                      "the model has " + std::to_string(work_.model.num_hidden_layers) + " layers");
    for (const Schedule* schedule : all_schedules()) {
      if (mesh.pipeline == 1 && schedule->name != "1f1b") continue;
      for (int chunks = schedule->least_chunks; chunks <= std::min(schedule->most_chunks, 4);
           ++chunks)
        if (mesh.pipeline * chunks <= work_.model.num_hidden_layers)
          try_schedule(mesh, *schedule, chunks);
    }
  }

  void try_schedule(const Mesh& mesh, const Schedule& schedule, int chunks) {
    for (bool sequence : {false, true}) {
      if (sequence && (mesh.tensor == 1 || kRowRanges % mesh.tensor != 0)) continue;
      for (Zero zero : {Zero::none, Zero::optimizer, Zero::gradients, Zero::weights}) {
        if (zero != Zero::none && (mesh.data == 1 || !is_aligned(mesh.data, kRowRanges))) continue;
        for (Recompute recompute : {Recompute::none, Recompute::attention, Recompute::layer})
          rate({mesh, std::string(schedule.name), chunks, sequence, zero, recompute});
      }
    }
  }

  void rate(const PlanChoice& choice) {
    RatedPlan plan = {choice, cost_of(work_, hardware_, choice), false, ""};
    plan.fits = plan.cost.bytes.total() <= hardware_.memory_bytes;
    if (!plan.fits)
      plan.why_not = "does not fit: " + gigabytes(plan.cost.bytes.total()) + " of " +
                     gigabytes(hardware_.memory_bytes) + ", " + largest(plan.cost.bytes);
    ++result_.num_rated;
    all_.push_back(std::move(plan));
  }

  // Faster first; of equals the one that takes less memory.
  void rank() {
    std::ranges::stable_sort(all_, [](const RatedPlan& a, const RatedPlan& b) {
      return std::tuple(!a.fits, a.cost.step_seconds, a.cost.bytes.total()) <
             std::tuple(!b.fits, b.cost.step_seconds, b.cost.bytes.total());
    });
    std::map<std::tuple<int, int, int>, bool> seen;
    for (auto& plan : all_) {
      const auto& mesh = plan.choice.mesh;
      const bool is_new = seen.try_emplace({mesh.pipeline, mesh.data, mesh.tensor}).second;
      if (plan.fits && result_.best.size() < kBest) {
        result_.best.push_back(plan);
      } else if (is_new) {
        if (plan.fits) plan.why_not = "slower: " + slower(plan);
        result_.others.push_back(plan);
      }
    }
  }

  std::string slower(const RatedPlan& plan) const {
    const auto& first = result_.best.front().cost;
    char text[160];
    std::snprintf(text, sizeof text,
                  "%.2f s against %.2f s; bubble %.0f %%, shards' sums %.2f s, data %.2f s",
                  plan.cost.step_seconds, first.step_seconds, 100 * plan.cost.bubble,
                  plan.cost.tensor_seconds, plan.cost.data_seconds);
    return text;
  }

  const TrainingWork& work_;
  const Hardware& hardware_;
  PlanSearch result_;
  std::vector<RatedPlan> all_;
};

}  // namespace

PlanSearch search_plans(const TrainingWork& work, const Hardware& hardware) {
  return Search(work, hardware).run();
}

}  // namespace troupe
