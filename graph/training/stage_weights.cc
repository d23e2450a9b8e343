// What a stage does with its weights between batches: gradients are summed with other ranks', the
// optimizer takes its step, weights and moments come from files and go to them.
#include "base/error.h"
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
      pool_);
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

void StageModel::apply_adamw(const AdamwOptions& options, int64_t step, float gradient_scale,
                             WeightDecay decay) {
  for (auto& [name, parameter] : parameters_->all()) {
    const auto own = shards_.own_elements(parameter);
    const auto size = static_cast<size_t>(own.size());
    for (Buffer* moment : {&parameter.moment1, &parameter.moment2}) {
      if (moment->num_bytes() > 0 || size == 0) continue;
      *moment = Buffer(size * sizeof(float), MemoryClass::optimizer);
      moment->fill_zero();
    }
    AdamwOptions weight_options = options;
    if (decay == WeightDecay::matrices && parameter.shape.size() < 2)
      weight_options.weight_decay = 0;
    const AdamwTensors tensors = {parameter.values().subspan(own.begin, size),
                                  gradients_->sum(name).subspan(own.begin, size),
                                  floats(parameter.moment1), floats(parameter.moment2)};
    const auto update = [&](int64_t begin, int64_t end) {
      adamw(tensors, weight_options, step, gradient_scale, begin, end);
    };
    if (own.size() == parameter.size()) {
      Parameters::update(parameter, update, pool_);
      continue;
    }
    pool_.parallel(own.size(), [&](int64_t begin, int64_t end, int) { update(begin, end); });
    shards_.gather_elements(parameter, parameter.values());
    parameters_->refresh(parameter, pool_);
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
      *moment = Buffer(static_cast<size_t>(own.size()) * sizeof(float), MemoryClass::optimizer);
      std::copy_n(part.begin() + own.begin, own.size(), floats(*moment).begin());
    }
  }
}

void StageModel::reset_optimizer() {
  for (auto& [name, parameter] : parameters_->all()) {
    parameter.moment1 = Buffer();
    parameter.moment2 = Buffer();
  }
  if (gradients_) gradients_->clear();
}

bool StageModel::has_moments() const {
  for (const auto& [name, parameter] : parameters_->all())
    if (parameter.moment1.num_bytes() > 0) return true;
  return false;
}

std::vector<float> StageModel::whole(const std::string& weight, Part part) {
  auto& parameter = parameters_->at(weight);
  if (part == Part::weight) return shards_.whole(parameter, parameter.values());
  const auto own = shards_.own_elements(parameter);
  std::vector<float> moments(static_cast<size_t>(parameter.size()));
  std::ranges::copy(floats(part == Part::moment1 ? parameter.moment1 : parameter.moment2),
                    moments.begin() + own.begin);
  shards_.gather_elements(parameter, moments);
  return shards_.whole(parameter, moments);
}

Shape StageModel::logical_shape(const std::string& weight) const {
  return shards_.logical_shape(parameters_->at(weight));
}

}  // namespace troupe
