#include "actors/train/stage.h"

namespace troupe {
namespace {

// One number for the place of a tensor in a role's work: its batch and micro-batch.
constexpr int64_t kMicroBatches = int64_t{1} << 20;

AdamwOptions adamw_options(const ApplyUpdate& update) {
  AdamwOptions options;
  options.learning_rate = static_cast<float>(update.lr);
  options.beta1 = static_cast<float>(update.beta1);
  options.beta2 = static_cast<float>(update.beta2);
  options.epsilon = static_cast<float>(update.eps);
  options.weight_decay = static_cast<float>(update.weight_decay);
  return options;
}

// A tensor without elements, for messages that only say something.
TensorRef nothing() {
  return {nullptr, 0, DType::f32, {0}};
}

}  // namespace

std::string stage_address(const std::string& role, int stage) {
  return role + "/pp" + std::to_string(stage);
}

void StageState::configure(StageConfig config, ActorProbe* probe) {
  config_ = std::move(config);
  probe_ = probe;
  const auto& options = config_.options;
  name = stage_address(config_.role, options.stage);
  const StageNeighbours neighbours = {options.stage > 0, options.stage + 1 < options.num_stages};
  flow_ = std::make_unique<StageFlow>(neighbours, config_.num_registers);
  worker_ = std::make_unique<StageWorker>(
      std::make_unique<StageModel>(config_.model, options, config_.compute->pool()));
  const auto outlet = [&](int stage) {
    return config_.transport->outlet(stage_address(config_.role, stage), name);
  };
  if (neighbours.has_previous) previous_ = outlet(options.stage - 1);
  if (neighbours.has_next) next_ = outlet(options.stage + 1);
  if (worker_->model().shared_weight())
    shared_ = outlet(options.stage == 0 ? options.num_stages - 1 : 0);
  if (!config_.weight_store.empty()) store_ = config_.transport->outlet(config_.weight_store, name);
}

void StageState::send(TensorOutlet& outlet, const char* stream, int64_t micro_batch,
                      TensorRef tensor) {
  outlet.send(stream, batch_ * kMicroBatches + micro_batch, std::move(tensor));
}

void StageState::receive(const TensorMessage& message) {
  const int64_t batch = message.sequence / kMicroBatches;
  const int64_t micro_batch = message.sequence % kMicroBatches;
  if (message.stream == "hidden")
    flow_->arrive(Work::forward, batch, micro_batch, message.tensor);
  else if (message.stream == "gradient")
    flow_->arrive(Work::backward, batch, micro_batch, message.tensor);
  else if (message.stream == "free_hidden")
    flow_->register_is_free(Work::forward);
  else if (message.stream == "free_gradient")
    flow_->register_is_free(Work::backward);
  else if (message.stream == "shared_gradient")
    shared_gradients_[batch] = message.tensor;
  else
    throw Error(name + ": a tensor of unknown stream \"" + message.stream + "\"");
  advance();
}

void StageState::run(const RunBatch& batch, caf::typed_response_promise<BatchResult> done) {
  CHECK(!batch.micro_batches.empty(), name, batch.batch);
  waiting_.emplace_back(batch, std::move(done));
  if (!is_running_) start_next();
}

void StageState::start_next() {
  auto [batch, done] = std::move(waiting_.front());
  waiting_.pop_front();
  done_ = std::move(done);
  batch_ = batch.batch;
  is_running_ = true;
  gradients_finished_ = false;
  worker_->start(std::move(batch));
  const int64_t count = worker_->num_micro_batches();
  flow_->start(batch_, worker_->trains() ? one_forward_one_backward(
                                               config_.options.stage, config_.options.num_stages,
                                               count, config_.num_extra_forwards)
                                         : forward_only(count));
  advance();
}

void StageState::advance() {
  if (!is_running_) return;
  probe_->got(std::exchange(wait_, 0));
  while (auto ready = flow_->fire()) fire(std::move(*ready));
  if (!flow_->is_done()) return note_wait();
  if (worker_->trains() && !exchange_shared_gradient()) return;
  is_running_ = false;
  {
    auto lease = config_.compute->lease();
    done_.deliver(worker_->take_result());
  }
  if (!waiting_.empty()) start_next();
}

void StageState::note_wait() {
  const int other = config_.options.stage + (flow_->waits_for_next() ? 1 : -1);
  wait_ = probe_->waits_for(stage_address(config_.role, other), flow_->waiting_for());
}

void StageState::fire(StageFlow::Fire fire) {
  const bool is_forward = fire.instruction.work == Work::forward;
  const int64_t micro_batch = fire.instruction.micro_batch;
  TensorRef output;
  {
    auto lease = config_.compute->lease();
    const auto start = ActorProbe::now_ns();
    output = worker_->execute(fire.instruction, fire.input);
    probe_->worked((is_forward ? "F" : "B") + std::to_string(micro_batch), start);
  }
  if (fire.input)
    send(is_forward ? previous_ : next_, is_forward ? "free_hidden" : "free_gradient", micro_batch,
         nothing());
  if (fire.sends_output)
    send(is_forward ? next_ : previous_, is_forward ? "hidden" : "gradient", micro_batch,
         std::move(output));
}

// A tied embedding lies on the first and the last stage: each sends its part of the gradient to the
// other, and both sum. Returns whether that is done.
bool StageState::exchange_shared_gradient() {
  auto shared = worker_->model().shared_weight();
  if (!gradients_finished_) {
    worker_->finish_gradients();
    gradients_finished_ = true;
    if (shared) send(shared_, "shared_gradient", 0, worker_->shared_gradient(*shared));
  }
  if (!shared) return true;
  auto other = shared_gradients_.extract(batch_);
  if (!other) {
    const int end = config_.options.num_stages - 1 - config_.options.stage;
    wait_ = probe_->waits_for(stage_address(config_.role, end), "the shared gradient");
    return false;
  }
  worker_->model().gradients().add(*shared, other.mapped().as<float>());
  return true;
}

StageDone StageState::apply(const ApplyUpdate& update) {
  auto lease = config_.compute->lease();
  worker_->model().apply_adamw(adamw_options(update), update.step, update.gradient_scale);
  return {static_cast<int64_t>(worker_->model().parameters().all().size())};
}

Stage::behavior_type stage(Traced<Stage, StageState>* self, StageConfig config) {
  auto& state = self->state;
  state.configure(std::move(config), &self->probe());
  return {
      [&state](const TensorMessage& message) { state.receive(message); },
      [self, &state](const RunBatch& batch) -> caf::result<BatchResult> {
        auto done = self->make_response_promise<BatchResult>();
        state.run(batch, done);
        return done;
      },
      [&state](const ApplyUpdate& update) { return answer([&] { return state.apply(update); }); },
      [&state](const LoadWeights& load) { return answer([&] { return state.load(load); }); },
      [&state](const PublishShard& publish) {
        return answer([&] { return state.publish(publish); });
      },
      [self, &state](const SaveShard& save) -> caf::result<ShardsWritten> {
        return self->delegate(caf::actor_cast<CheckpointWriter>(save.writer), state.shards(save));
      },
  };
}

}  // namespace troupe
