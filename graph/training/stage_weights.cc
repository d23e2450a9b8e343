// What a stage does with its weights between batches: gradients are summed with other ranks', the
// optimizer takes its step, weights and moments come from files and go to them.
#include "base/error.h"
#include "devices/cpu/background_calls.h"
#include "devices/cpu/thread_pool.h"
#include "graph/training/stage_model.h"

namespace troupe {
namespace {

std::span<float> floats(Buffer& buffer) {
  return {buffer.as<float>(), buffer.num_bytes() / sizeof(float)};
}

}  // namespace

void StageModel::load(const WeightReader& reader) {
  std::vector<float> whole;
  parameters_->read(
      [&](const std::string& name, std::span<float> values) {
        const auto& parameter = parameters_->at(name);
        if (!parameter.placement.is_shard()) return reader(name, values);
        whole.resize(static_cast<size_t>(num_elements(shards_.logical_shape(parameter))));
        reader(name, whole);
        shards_.take(parameter, whole, values);
      },
      pool_,
      [this](Parameter& parameter) {
        if (is_shared(parameter)) give_up(parameter);
      });
}

bool StageModel::shares_weights() const {
  return options_.place.zero == Zero::weights && options_.place.data_degree() > 1;
}

// Norms and biases are too small to be worth it.
bool StageModel::is_shared(const Parameter& parameter) const {
  return shares_weights() && !parameter.is_plain;
}

void StageModel::give_up(Parameter& parameter) {
  const auto own = shards_.own_elements(parameter);
  if (parameter.own.num_bytes() == 0 && own.size() > 0)
    parameter.own = Buffer(static_cast<size_t>(own.size()) * sizeof(float), MemoryClass::weights);
  std::ranges::copy(parameter.values().subspan(own.begin, own.size()),
                    floats(parameter.own).begin());
  Parameters::release(parameter);
}

void StageModel::place_own(Parameter& parameter) {
  Parameters::make_master(parameter);
  std::ranges::copy(floats(parameter.own),
                    parameter.values().begin() + shards_.own_elements(parameter).begin);
}

// All data ranks' elements come to each.
void StageModel::gather(Parameter& parameter) {
  place_own(parameter);
  shards_.gather_elements(parameter, parameter.values());
}

// body(parameter) for each weight of a block that data ranks share, once, by name.
template <class Body>
void StageModel::for_shared(const Graph& graph, int block, Body&& body) {
  std::map<std::string, Parameter*> shared;
  for (const GraphNode& node : graph.nodes())
    for (ValueId id : node.inputs) {
      if (node.block != block || id == kNoSymbol) continue;
      if (graph.value(id).kind != ValueKind::weight) continue;
      auto& parameter = parameters_->at(graph.value(id).name);
      if (is_shared(parameter)) shared[parameter.name] = &parameter;
    }
  for (auto& [name, parameter] : shared) body(*parameter);
}

// Their values come while the block before is computed. Not where the two have a weight in common:
// it is given up with the one and comes with the other, and all ranks gather a block's in one
// order.
void StageModel::expect(const Graph& graph, int block) {
  auto* calls = options_.place.data_calls;
  bool any_here = false;
  for_shared(graph, block,
             [&](const Parameter& parameter) { any_here |= parameter.master.num_bytes() > 0; });
  if (!calls || any_here) return;
  for_shared(graph, block, [&](Parameter& parameter) {
    place_own(parameter);
    expected_[&parameter] = calls->begin(
        [this, &parameter] { shards_.gather_elements(parameter, parameter.values()); });
  });
}

void StageModel::acquire(const Graph& graph, int block) {
  for_shared(graph, block, [&](Parameter& parameter) {
    if (const auto expected = expected_.extract(&parameter))
      options_.place.data_calls->finish(expected.mapped());
    else
      gather(parameter);
    parameters_->acquire(parameter);
    parameters_->refresh(parameter, pool_);
  });
}

void StageModel::release(const Graph& graph, int block) {
  for_shared(graph, block, [](Parameter& parameter) { Parameters::release(parameter); });
}

void StageModel::attend(size_t first_node, size_t last_node) {
  const Graph& graph = program_->graph();
  for_blocks(graph, first_node, last_node, [&](int block) {
    acquire(graph, block);
    release(graph, block);
  });
}

void StageModel::attend_forward() {
  attend(0, program_->graph().num_forward_nodes());
}

void StageModel::attend_backward() {
  const Graph& graph = program_->graph();
  attend(graph.num_forward_nodes(), graph.first_weight_gradient_node());
}

void StageModel::finish_gradients(Presence presence) {
  if (options_.place.data_degree() == 1) return gradients_->finish();
  gradients_->finish([&](const std::string& name, std::span<float> part) {
    const bool everywhere = shared_weight() == name;
    shards_.reduce_gradient(parameters_->at(name), part, presence, everywhere);
  });
}

std::map<std::string, double> StageModel::gradient_squares() {
  WeightShards::Squares squares;
  for (const auto& name : gradients_->weight_names())
    if (shared_weight() != name || is_first())
      squares.add(shards_, parameters_->at(name), gradients_->sum(name), pool_);
  return squares.sum(shards_);
}

// Runs `update` over this rank's elements, and renews what is made of the whole weight.
void StageModel::update_weight(Parameter& parameter, const Parameters::Update& update) {
  const int64_t size = shards_.own_elements(parameter).size();
  if (size == parameter.size() && !is_shared(parameter))
    return Parameters::update(parameter, update, pool_);
  pool_.parallel(size, [&](int64_t begin, int64_t end, int) { update(begin, end); });
  if (is_shared(parameter)) return;
  shards_.gather_elements(parameter, parameter.values());
  parameters_->refresh(parameter, pool_);
}

void StageModel::apply_adamw(const AdamwOptions& options, int64_t step, float gradient_scale,
                             WeightDecay decay) {
  for (auto& [name, parameter] : parameters_->all()) {
    const auto own = shards_.own_elements(parameter);
    const auto size = static_cast<size_t>(own.size());
    for (Moment* moment : {&parameter.moment1, &parameter.moment2})
      if (!moment->is_there()) *moment = Moment(size, options_.moments_folder);
    AdamwOptions weight_options = options;
    if (decay == WeightDecay::matrices && parameter.shape.size() < 2)
      weight_options.weight_decay = 0;
    const bool is_own = is_shared(parameter);
    const AdamwTensors tensors = {
        is_own ? floats(parameter.own) : parameter.values().subspan(own.begin, size),
        gradients_->sum(name).subspan(own.begin, size), parameter.moment1.values(),
        parameter.moment2.values()};
    const auto update = [&](int64_t begin, int64_t end) {
      adamw(tensors, weight_options, step, gradient_scale, begin, end);
    };
    update_weight(parameter, update);
    parameter.moment1.leave_memory();
    parameter.moment2.leave_memory();
  }
  gradients_->clear();
}

void StageModel::load_optimizer(const WeightReader& reader) {
  std::vector<float> whole, part;
  for (auto& [name, parameter] : parameters_->all()) {
    const auto own = shards_.own_elements(parameter);
    whole.resize(static_cast<size_t>(num_elements(shards_.logical_shape(parameter))));
    part.resize(static_cast<size_t>(parameter.size()));
    for (auto* moment : {&parameter.moment1, &parameter.moment2}) {
      const char* suffix = moment == &parameter.moment1 ? "/moment1_0" : "/moment2_0";
      reader(name + suffix, whole);
      shards_.take(parameter, whole, part);
      *moment = Moment(static_cast<size_t>(own.size()), options_.moments_folder);
      std::copy_n(part.begin() + own.begin, own.size(), moment->values().begin());
      moment->leave_memory();
    }
  }
}

void StageModel::reset_optimizer() {
  for (auto& [name, parameter] : parameters_->all()) {
    parameter.moment1 = Moment();
    parameter.moment2 = Moment();
  }
  if (gradients_) gradients_->clear();
}

bool StageModel::has_moments() const {
  for (const auto& [name, parameter] : parameters_->all())
    if (parameter.moment1.is_there()) return true;
  return false;
}

std::vector<float> StageModel::whole(const std::string& weight, Part part) {
  auto& parameter = parameters_->at(weight);
  if (part == Part::weight && is_shared(parameter)) {
    gather(parameter);
    auto whole = shards_.whole(parameter, parameter.values());
    Parameters::release(parameter);
    return whole;
  }
  if (part == Part::weight) return shards_.whole(parameter, parameter.values());
  const auto own = shards_.own_elements(parameter);
  std::vector<float> moments(static_cast<size_t>(parameter.size()));
  const Moment& moment = part == Part::moment1 ? parameter.moment1 : parameter.moment2;
  std::ranges::copy(moment.values(), moments.begin() + own.begin);
  moment.leave_memory();
  shards_.gather_elements(parameter, moments);
  return shards_.whole(parameter, moments);
}

Shape StageModel::logical_shape(const std::string& weight) const {
  return shards_.logical_shape(parameters_->at(weight));
}

}  // namespace troupe
