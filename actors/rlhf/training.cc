// How the coordinator trains, loads and publishes a role, whatever the phase.
#include "actors/rlhf/coordinator.h"

namespace troupe {

Async<Update> CoordinatorState::update(TrainedRole& trained, LossSpec loss,
                                       std::vector<MicroBatch> micro_batches,
                                       RunConfig::Optim::Reader optim, double lr) {
  auto asked = awaited<BatchResult>([&](auto on_done, auto on_failure) {
    trained.role.run(self_, std::move(loss), std::move(micro_batches), on_done, on_failure);
  });
  Update update;
  update.result = co_await asked;
  update.gradient_norm = gradient_norm(update.result);
  update.lr = lr;
  ApplyUpdate apply;
  apply.step = ++trained.optimizer_step;
  apply.gradient_scale = clip_scale(update.gradient_norm, optim.getClipGrad());
  apply.lr = lr;
  apply.beta1 = optim.getBetas()[0];
  apply.beta2 = optim.getBetas()[1];
  apply.eps = optim.getEps();
  apply.weight_decay = optim.getWeightDecay();
  if (!std::isfinite(update.gradient_norm))
    throw Error(trained.role.name() + ": the gradient norm is " +
                std::to_string(update.gradient_norm) + " at update " +
                std::to_string(trained.num_updates));
  auto told = awaited<int64_t>([&](auto on_done, auto on_failure) {
    trained.role.tell(
        self_, apply, [on_done](int64_t num_weights) mutable { on_done(int64_t{num_weights}); },
        on_failure);
  });
  co_await told;
  ++trained.num_updates;
  co_return update;
}

Async<void> CoordinatorState::load(TrainedRole& trained, LoadWeights load) {
  auto told = awaited<int64_t>([&](auto on_done, auto on_failure) {
    trained.role.tell(
        self_, load, [on_done](int64_t num_weights) mutable { on_done(int64_t{num_weights}); },
        on_failure);
  });
  co_await told;
  trained.optimizer_step = 0;
  trained.num_updates = 0;
}

Async<void> CoordinatorState::resume(TrainedRole& trained) {
  const auto& name = trained.role.name();
  const auto folder = progress_.checkpoint + (name == "policy" ? "" : "/" + name);
  auto loading =
      load(trained, {folder, LoadWeights::Head::from_file, LoadWeights::Optimizer::from_file});
  co_await loading;
  trained.optimizer_step = progress_.state.at(name + "_optimizer_step");
}

Async<void> CoordinatorState::publish(int64_t version) {
  version_ = version;
  const PublishVersion publish = {version};
  auto asked = ask_async<StageDone>(self_, weight_store_, publish);
  co_await asked;
}

Async<std::vector<Trajectory>> CoordinatorState::collect(HandOut hand_out) {
  const Collect collect = {hand_out};
  auto asked = ask_async<Trajectories>(self_, prompt_source_, collect);
  Trajectories all = co_await asked;
  co_return std::move(all.trajectories);
}

}  // namespace troupe
