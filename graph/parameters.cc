#include "graph/parameters.h"

#include <algorithm>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/quantize/block_codes.h"
#include "kernels/quantize/dequantize.h"

namespace troupe {
namespace {

Buffer zeroed(size_t num_bytes) {
  Buffer buffer(num_bytes, MemoryClass::weights);
  buffer.fill_zero();
  return buffer;
}

// A frozen weight that only matrix products read is there as its panels alone.
bool needs_master(const Parameter& parameter, Trainable trainable) {
  return trainable == Trainable::yes || parameter.is_plain ||
         (parameter.is_table && parameter.dtype == DType::f32 && !parameter.quantized);
}

// For new values: of a frozen weight that needs none later, only while it takes them.
void write_table(Parameter& parameter, const float* from, int64_t begin, int64_t end) {
  Bf16* to = parameter.table.as<Bf16>();
  for (int64_t i = begin; i < end; ++i) to[i] = to_bf16(from[i]);
}

// All that ops read beside the master values.
void write_layouts(Parameter& parameter, const float* values, ThreadPool& pool) {
  if (parameter.quantized) parameter.quantized->quantize(values, pool);
  if (parameter.packed) parameter.packed->pack(values, pool);
  if (parameter.table.num_bytes() == 0) return;
  pool.parallel(parameter.size(), [&](int64_t begin, int64_t end, int) {
    write_table(parameter, values, begin, end);
  });
}

// What has a matrix's or a table's layout alone can be kept in blocks.
bool may_be_quantized(const Parameter& parameter) {
  return !parameter.is_plain && (parameter.is_matmul || parameter.is_table);
}

}  // namespace

Parameters::Parameters(std::span<const Graph* const> graphs, Trainable trainable,
                       WeightFormat format, Resident resident)
    : trainable_(trainable), format_(format) {
  CHECK(trainable == Trainable::no || format == WeightFormat::dense);
  for (const Graph* graph : graphs) {
    for (ValueId id : graph->values_of_kind(ValueKind::weight)) {
      const Value& value = graph->value(id);
      auto& parameter = parameters_[value.name];
      CHECK(parameter.shape.empty() || parameter.shape == value.shape, value.name,
            to_string(parameter.shape), to_string(value.shape));
      parameter.name = value.name;
      parameter.shape = value.shape;
      parameter.placement = value.placement;
      if (value.layout != WeightLayout::plain) parameter.dtype = value.dtype;
      parameter.is_plain |= value.layout == WeightLayout::plain;
      parameter.is_table |= value.layout == WeightLayout::table;
      parameter.is_matmul |= value.layout == WeightLayout::matmul;
    }
  }
  for (auto& [name, parameter] : parameters_) {
    if (resident == Resident::plain && !parameter.is_plain) continue;
    if (format == WeightFormat::dense || !may_be_quantized(parameter)) allocate(parameter);
    if (format == WeightFormat::int8 && may_be_quantized(parameter))
      parameter.quantized = std::make_unique<QuantizedWeight>(BlockType::q8_0, parameter.shape[0],
                                                              parameter.shape[1]);
  }
}

void Parameters::allocate(Parameter& parameter) {
  const auto elements = static_cast<size_t>(parameter.size());
  if (needs_master(parameter, trainable_) && parameter.master.num_bytes() == 0)
    parameter.master = zeroed(elements * sizeof(float));
  if (parameter.is_table && parameter.dtype == DType::bf16)
    parameter.table = zeroed(elements * sizeof(Bf16));
  if (parameter.is_matmul)
    parameter.packed =
        std::make_unique<PackedWeight>(parameter.shape[0], parameter.shape[1], parameter.dtype);
}

void Parameters::make_master(Parameter& parameter) {
  if (parameter.master.num_bytes() == 0)
    parameter.master =
        Buffer(static_cast<size_t>(parameter.size()) * sizeof(float), MemoryClass::weights);
}

void Parameters::release(Parameter& parameter) {
  parameter.master = Buffer();
  parameter.table = Buffer();
  parameter.packed.reset();
}

// To be called once master has new values.
void Parameters::keep(Parameter& parameter, ThreadPool& pool) {
  refresh(parameter, pool);
  if (!needs_master(parameter, trainable_)) parameter.master = Buffer();
}

void Parameters::read(const WeightReader& reader, ThreadPool& pool, const HasRead& has_read) {
  for (auto& [name, parameter] : parameters_) {
    make_master(parameter);
    reader(name, parameter.values());
    keep(parameter, pool);
    if (has_read) has_read(parameter);
  }
}

void Parameters::read_blocks(const BlockReader& reader, ThreadPool& pool) {
  CHECK(format_ == WeightFormat::native);
  for (auto& [name, parameter] : parameters_) read_blocks(parameter, reader(name), pool);
}

void Parameters::read_blocks(Parameter& parameter, const WeightBlocks& blocks, ThreadPool& pool) {
  if (is_quantized(blocks.type) && may_be_quantized(parameter)) {
    parameter.quantized =
        std::make_unique<QuantizedWeight>(blocks.type, parameter.shape[0], parameter.shape[1]);
    return parameter.quantized->pack(blocks.bytes, pool);
  }
  if (parameter.master.num_bytes() == 0) allocate(parameter);
  make_master(parameter);
  dequantize(blocks.type, blocks.bytes, parameter.values());
  keep(parameter, pool);
}

void Parameters::update(Parameter& parameter, const Update& update, ThreadPool& pool) {
  CHECK(parameter.master.num_bytes() > 0 && !parameter.quantized, parameter.name);
  const int64_t size = parameter.size();
  const int64_t columns = parameter.shape.size() > 1 ? parameter.shape.back() : 1;
  const int64_t part_size = PackedWeight::kRowsOfPart * columns;
  if (parameter.packed) parameter.packed->begin_parts();
  pool.parallel((size + part_size - 1) / part_size, [&](int64_t first, int64_t last, int) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = part * part_size, end = std::min(size, begin + part_size);
      update(begin, end);
      if (parameter.packed) parameter.packed->pack_part(parameter.master.as<float>(), part);
      if (parameter.table.num_bytes() > 0)
        write_table(parameter, parameter.master.as<float>(), begin, end);
    }
  });
}

void Parameters::refresh(Parameter& parameter, ThreadPool& pool) {
  write_layouts(parameter, parameter.master.as<float>(), pool);
}

void Parameters::set(const std::string& name, std::span<const float> values, ThreadPool& pool) {
  auto& parameter = at(name);
  CHECK(static_cast<int64_t>(values.size()) == parameter.size(), name, values.size(),
        to_string(parameter.shape));
  write_layouts(parameter, values.data(), pool);
  if (!needs_master(parameter, trainable_)) {
    parameter.master = Buffer();
    return;
  }
  make_master(parameter);
  std::ranges::copy(values, parameter.master.as<float>());
}

Tensor Parameters::tensor(const Value& weight) const {
  const auto& parameter = parameters_.at(weight.name);
  if (parameter.quantized && weight.layout != WeightLayout::plain)
    return {nullptr, parameter.dtype, weight.shape, nullptr, parameter.quantized.get()};
  if (weight.layout == WeightLayout::matmul)
    return {nullptr, parameter.dtype, weight.shape, parameter.packed.get()};
  if (weight.layout == WeightLayout::table && parameter.dtype == DType::bf16)
    return {parameter.table.data(), DType::bf16, weight.shape};
  return {parameter.master.data(), DType::f32, weight.shape};
}

Parameter& Parameters::at(const std::string& name) {
  auto found = parameters_.find(name);
  CHECK(found != parameters_.end(), name);
  return found->second;
}

}  // namespace troupe
