// A model that fits: its source opened, its config understood, and every weight that the graph
// needs there in the right shape. What generates, scores or trains a model from a file starts here.
#pragma once

#include <memory>
#include <string>

#include "actors/model/model_source.h"
#include "graph/models/llama.h"
#include "graph/parameters.h"

namespace troupe {

struct LoadedModel {
  std::shared_ptr<const ModelSource> source;
  LlamaConfig config;

  // For Parameters::read() and StageModel::load(). Keeps the source open.
  WeightReader weight_reader() const;
  // For Parameters::read_blocks().
  BlockReader block_reader() const;
  // By whichever of the two the format asks for.
  void read_into(Parameters& parameters, WeightFormat format, ThreadPool& pool) const;
};

// `path` as for ModelSource::open(). Throws an Error that names the path and what is missing, wrong
// or not supported: nothing has been allocated for the weights yet.
LoadedModel load_model(const std::string& path, Head head = Head::log_prob);

}  // namespace troupe
