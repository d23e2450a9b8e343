#include "actors/train/stage.h"

#include "graph/parallel/schedule_check.h"

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

// "hidden" for a rank's first chunk, "hidden.1" for its second.
std::string stream_of(const char* what, int chunk) {
  return chunk == 0 ? what : std::string(what) + "." + std::to_string(chunk);
}

std::pair<std::string, int> parse_stream(const std::string& stream) {
  const auto dot = stream.find('.');
  if (dot == std::string::npos) return {stream, 0};
  return {stream.substr(0, dot), std::stoi(stream.substr(dot + 1))};
}

}  // namespace

std::string stage_address(const std::string& role, const Mesh& mesh, const MeshPoint& point) {
  std::string address = role;
  if (mesh.data > 1) address += "/dp" + std::to_string(point.data);
  address += "/pp" + std::to_string(point.pipeline);
  if (mesh.tensor > 1) address += "/tp" + std::to_string(point.tensor);
  return address;
}

std::string StageState::address_of(int pipeline_rank) const {
  return stage_address(config_.role, config_.mesh,
                       {pipeline_rank, config_.point.data, config_.point.tensor});
}

// What goes on beside this actor's computing has no lease of its own.
void StageState::let_go_of_cores() {
  if (!BackgroundCalls::is_here()) lease_.reset();
}

void StageState::take_cores() {
  if (!BackgroundCalls::is_here()) lease_.emplace(*config_.compute);
}

void StageState::make_groups() {
  const auto& [role, mesh, point] = std::tie(config_.role, config_.mesh, config_.point);
  const auto make = [&](const std::string& kind, int degree, int rank, auto&& point_of) {
    if (degree == 1) return std::unique_ptr<Communicator>();
    GroupWanted wanted;
    wanted.name = stage_address(role, mesh, point_of(0)) + " " + kind;
    for (int other = 0; other < degree; ++other)
      wanted.addresses.push_back(stage_address(role, mesh, point_of(other)));
    wanted.rank = rank;
    wanted.before_wait = [this] { let_go_of_cores(); };
    wanted.after_wait = [this] { take_cores(); };
    return config_.make_group(std::move(wanted));
  };
  tensor_group_ = make("tensor", mesh.tensor, point.tensor, [&](int other) {
    return MeshPoint{point.pipeline, point.data, other};
  });
  data_group_ = make("data", mesh.data, point.data, [&](int other) {
    return MeshPoint{point.pipeline, other, point.tensor};
  });
  auto& place = config_.options.place;
  place.tensor_degree = mesh.tensor;
  place.shard = point.tensor;
  place.tensor_group = tensor_group_.get();
  place.data_group = data_group_.get();
  const auto calls_beside = [&](const auto& group) {
    const auto let_go = [this] { let_go_of_cores(); };
    const auto take = [this] { take_cores(); };
    return group ? std::make_unique<BackgroundCalls>(let_go, take) : nullptr;
  };
  tensor_calls_ = calls_beside(tensor_group_);
  data_calls_ = calls_beside(data_group_);
  place.tensor_calls = tensor_calls_.get();
  place.data_calls = data_calls_.get();
}

void StageState::add_chunk(int index, std::vector<std::unique_ptr<StageModel>>& models) {
  const PipelineSize size = {config_.mesh.pipeline, 1, config_.num_chunks};
  StageOptions options = config_.options;
  options.stage = virtual_stage(*schedule_, size, {config_.point.pipeline, index});
  options.num_stages = size.num_virtual_stages();
  options.splits_backward = schedule_->splits_backward && options.trainable == Trainable::yes;
  auto& chunk = chunks_.emplace_back();
  chunk.stage = options.stage;
  const auto outlet = [&](int stage, ChunkPlace& place) {
    place = schedule_->place(stage, size.num_ranks);
    return config_.transport->outlet(address_of(place.rank), name);
  };
  if (options.stage > 0) chunk.to_previous = outlet(options.stage - 1, chunk.previous);
  if (options.stage + 1 < options.num_stages) chunk.to_next = outlet(options.stage + 1, chunk.next);
  models.push_back(std::make_unique<StageModel>(config_.model, options, config_.compute->pool()));
  if (!models.back()->shared_weight()) return;
  const int other_end = options.stage == 0 ? options.num_stages - 1 : 0;
  shared_ =
      config_.transport->outlet(address_of(schedule_->place(other_end, size.num_ranks).rank), name);
}

void StageState::configure(StageConfig config, ActorProbe* probe) {
  config_ = std::move(config);
  probe_ = probe;
  schedule_ = &schedule_named(config_.schedule);
  name = stage_address(config_.role, config_.mesh, config_.point);
  make_groups();
  std::vector<std::unique_ptr<StageModel>> models;
  std::vector<StageNeighbours> neighbours;
  for (int chunk = 0; chunk < config_.num_chunks; ++chunk) {
    add_chunk(chunk, models);
    neighbours.push_back({!models.back()->is_first(), !models.back()->is_last()});
  }
  flow_ = std::make_unique<StageFlow>(std::move(neighbours), num_registers());
  worker_ = std::make_unique<StageWorker>(std::move(models), config_.data_slices);
  if (!config_.weight_store.empty()) store_ = config_.transport->outlet(config_.weight_store, name);
}

void StageState::send(TensorOutlet& outlet, const char* stream, int chunk, int64_t micro_batch,
                      TensorRef tensor) {
  outlet.send(stream_of(stream, chunk), batch_ * kMicroBatches + micro_batch, std::move(tensor));
}

void StageState::receive(const TensorMessage& message) {
  const int64_t batch = message.sequence / kMicroBatches;
  const int64_t micro_batch = message.sequence % kMicroBatches;
  const auto [stream, chunk] = parse_stream(message.stream);
  if (stream == "hidden")
    flow_->arrive(Flow::hidden, chunk, batch, micro_batch, message.tensor);
  else if (stream == "gradient")
    flow_->arrive(Flow::gradient, chunk, batch, micro_batch, message.tensor);
  else if (stream == "free_hidden")
    flow_->register_is_free(Flow::hidden, chunk);
  else if (stream == "free_gradient")
    flow_->register_is_free(Flow::gradient, chunk);
  else if (stream == "shared_gradient")
    shared_gradients_[{batch, chunk}] = message.tensor;
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
  flow_->start(batch_, program(), worker_->num_micro_batches());
  advance();
}

int64_t StageState::num_registers() const {
  const bool any_registers = config_.table.empty() && schedule_->any_registers;
  return any_registers ? config_.num_registers : kMicroBatches;
}

RankProgram StageState::program() const {
  const PipelineSize size = {config_.mesh.pipeline, worker_->num_attended(), config_.num_chunks,
                             config_.num_extra_forwards};
  const auto rank = static_cast<size_t>(config_.point.pipeline);
  if (!worker_->trains()) return forward_only(*schedule_, size).at(rank);
  if (config_.table.empty()) {
    const auto table = make_table(*schedule_, size);
    check_table(*schedule_, size, table, num_registers());
    return table.at(rank);
  }
  const int64_t planned = num_micro_batches(config_.table);
  if (planned != size.num_micro_batches)
    throw Error(name + ": the schedule's table is for " + std::to_string(planned) +
                " micro-batches, and this batch has " + std::to_string(size.num_micro_batches));
  return config_.table.at(rank);
}

void StageState::advance() {
  if (!is_running_) return;
  probe_->got(std::exchange(wait_, 0));
  while (auto ready = flow_->fire()) fire(std::move(*ready));
  if (!flow_->is_done()) return note_wait();
  if (worker_->trains() && !exchange_shared_gradients()) return;
  is_running_ = false;
  std::erase_if(shared_gradients_, [&](const auto& one) { return one.first.first == batch_; });
  {
    const Computing computing(*this);
    done_.deliver(worker_->take_result());
  }
  if (!waiting_.empty()) start_next();
}

void StageState::note_wait() {
  const auto& chunk = chunks_.at(static_cast<size_t>(flow_->waiting_chunk()));
  const auto& other = flow_->waits_for_next() ? chunk.next : chunk.previous;
  wait_ = probe_->waits_for(address_of(other.rank), flow_->waiting_for());
}

void StageState::fire(StageFlow::Fire fire) {
  auto& chunk = chunks_.at(static_cast<size_t>(fire.instruction.chunk));
  const bool is_forward = fire.instruction.work == Work::forward;
  const int64_t micro_batch = fire.instruction.micro_batch;
  TensorRef output;
  {
    const Computing computing(*this);
    const auto start = ActorProbe::now_ns();
    output = worker_->execute(fire.instruction, fire.input);
    probe_->worked(to_string(fire.instruction), start);
  }
  auto& from = is_forward ? chunk.to_previous : chunk.to_next;
  auto& to = is_forward ? chunk.to_next : chunk.to_previous;
  if (fire.input)
    send(from, is_forward ? "free_hidden" : "free_gradient",
         (is_forward ? chunk.previous : chunk.next).chunk, micro_batch, nothing());
  if (fire.sends_output)
    send(to, is_forward ? "hidden" : "gradient", (is_forward ? chunk.next : chunk.previous).chunk,
         micro_batch, std::move(output));
}

bool StageState::exchange_shared_gradients() {
  if (!gradients_finished_) {
    const Computing computing(*this);
    worker_->finish_gradients();
    gradients_finished_ = true;
    for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk)
      if (const auto shared = model(chunk).shared_weight())
        send(shared_, "shared_gradient", model(chunk).is_first() ? 1 : 0, 0,
             worker_->shared_gradient(chunk, *shared));
  }
  bool done = true;
  for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk)
    done = exchange_shared_gradient(chunk) && done;
  return done;
}

// A tied embedding lies on the first and the last virtual stage: each sends its part of the
// gradient to the other (the first's is marked 1, the last's 0), and both sum. Returns whether that
// is done.
bool StageState::exchange_shared_gradient(int chunk) {
  const auto shared = model(chunk).shared_weight();
  if (!shared) return true;
  const std::pair<int64_t, int> key = {batch_, model(chunk).is_first() ? 0 : 1};
  auto other = shared_gradients_.find(key);
  if (other == shared_gradients_.end()) {
    const int stages = config_.mesh.pipeline * config_.num_chunks;
    const int end = model(chunk).is_first() ? stages - 1 : 0;
    wait_ = probe_->waits_for(address_of(schedule_->place(end, config_.mesh.pipeline).rank),
                              "the shared gradient");
    return false;
  }
  if (other->second.data) {
    model(chunk).gradients().add(*shared, other->second.as<float>());
    other->second = {};  // once
  }
  return true;
}

StageDone StageState::apply(const ApplyUpdate& update) {
  const Computing computing(*this);
  int64_t num_weights = 0;
  for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk) {
    model(chunk).apply_adamw(adamw_options(update), update.step, update.gradient_scale);
    num_weights += static_cast<int64_t>(model(chunk).parameters().all().size());
  }
  return {num_weights};
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
