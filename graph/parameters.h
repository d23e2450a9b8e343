// The weights of one part of a model, in the layouts that its kernels read, and what training adds
// to them: f32 masters, gradients, AdamW's moments.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/cpu/buffer.h"
#include "graph/graph.h"
#include "graph/moment.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/packed_weight.h"
#include "kernels/matmul/quantized_weight.h"

namespace troupe {

class ThreadPool;

// Writes a weight's values, in f32 and row-major.
using WeightReader = std::function<void(const std::string& name, std::span<float> values)>;

// A weight as it lies in its file: rows of blocks.
struct WeightBlocks {
  BlockType type = BlockType::f32;
  std::vector<std::byte> bytes;
};
using BlockReader = std::function<WeightBlocks(const std::string& name)>;

// How inference keeps the weights of matrix products and embeddings.
enum class WeightFormat : uint8_t {
  dense,   // in the graph's dtype
  native,  // in their file's blocks, where it has them: read by a BlockReader
  int8,    // rounded to int8 with a scale for each 32 elements of a row
};

struct Parameter {
  std::string name;
  Shape shape;  // of the part that is here
  Placement placement;
  DType dtype = DType::f32;  // of tables and packed weights; plain weights are f32
  bool is_plain = false, is_table = false, is_matmul = false;  // a tied weight is two of them

  Buffer master;  // f32 row-major; empty where a frozen weight needs none
  Buffer table;   // the rows in bf16; in f32 the master serves
  std::unique_ptr<PackedWeight> packed;
  std::unique_ptr<QuantizedWeight> quantized;  // then master, table and packed stay empty
  Moment moment1, moment2;                     // once trained
  // Where data ranks share the weight (ZeRO): this rank's elements. Then all of the above but the
  // moments is there only between acquire() and release().
  Buffer own;

  int64_t size() const { return num_elements(shape); }
  std::span<float> values() const { return {master.as<float>(), static_cast<size_t>(size())}; }
};

enum class Trainable { no, yes };

// Which weights always have their memory: of ZeRO 3's only those that are too small to be shared,
// the others between acquire() and release().
enum class Resident { all, plain };

class Parameters {
 public:
  // Collects the weights that the graphs name; they are all zero until read(). Trained weights are
  // dense.
  Parameters(std::span<const Graph* const> graphs, Trainable trainable,
             WeightFormat format = WeightFormat::dense, Resident resident = Resident::all);

  // `has_read` is called with each weight before the next one is read.
  using HasRead = std::function<void(Parameter& parameter)>;
  void read(const WeightReader& reader, ThreadPool& pool, const HasRead& has_read = nullptr);
  // For weights in WeightFormat::native, which are never widened.
  void read_blocks(const BlockReader& reader, ThreadPool& pool);
  // Refreshes one weight's compute layouts from its f32 values.
  void refresh(Parameter& parameter, ThreadPool& pool);
  // The same of a trained weight whose values `update` changes, elements [begin, end) at a time:
  // the layouts of each part are written while it is in a cache. On all threads.
  using Update = std::function<void(int64_t begin, int64_t end)>;
  static void update(Parameter& parameter, const Update& update, ThreadPool& pool);
  void set(const std::string& name, std::span<const float> values, ThreadPool& pool);
  // Room for a shared weight's values; for its layouts as well; and no room any more.
  static void make_master(Parameter& parameter);
  void acquire(Parameter& parameter) { allocate(parameter); }
  static void release(Parameter& parameter);

  Tensor tensor(const Value& weight) const;
  Parameter& at(const std::string& name);
  std::map<std::string, Parameter>& all() { return parameters_; }
  const std::map<std::string, Parameter>& all() const { return parameters_; }

 private:
  void allocate(Parameter& parameter);
  void keep(Parameter& parameter, ThreadPool& pool);
  void read_blocks(Parameter& parameter, const WeightBlocks& blocks, ThreadPool& pool);

  std::map<std::string, Parameter> parameters_;  // by name: the order of norms and hashes
  Trainable trainable_;
  WeightFormat format_;
};

}  // namespace troupe
