#include "actors/model/loaded_model.h"

#include <map>

#include "base/error.h"

namespace troupe {
namespace {

std::map<std::string, Shape> weight_shapes(const LlamaConfig& config, Head head) {
  const Graph graph = llama(config, {.head = head});
  std::map<std::string, Shape> shapes;
  for (ValueId id : graph.values_of_kind(ValueKind::weight))
    shapes[graph.value(id).name] = graph.value(id).shape;
  return shapes;
}

}  // namespace

WeightReader LoadedModel::weight_reader() const {
  return [source = source](const std::string& name, std::span<float> values) {
    source->read_f32(name, values);
  };
}

BlockReader LoadedModel::block_reader() const {
  return [source = source](const std::string& name) -> WeightBlocks {
    return {source->weight(name).type, source->read_blocks(name)};
  };
}

void LoadedModel::read_into(Parameters& parameters, WeightFormat format, ThreadPool& pool) const {
  format == WeightFormat::native ? parameters.read_blocks(block_reader(), pool)
                                 : parameters.read(weight_reader(), pool);
}

LoadedModel load_model(const std::string& path, Head head) {
  LoadedModel model;
  model.source = std::make_shared<const ModelSource>(ModelSource::open(path));
  with_context("opening the model " + path, [&] {
    model.config = llama_config(model.source->config());
    model.source->check_weights(weight_shapes(model.config, head));
  });
  return model;
}

}  // namespace troupe
