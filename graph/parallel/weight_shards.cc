#include "graph/parallel/weight_shards.h"

#include <algorithm>

#include "base/error.h"
#include "graph/parallel/mesh.h"

namespace troupe {
namespace {

// A tensor as a matrix: what has one dim is a column.
struct Matrix {
  int64_t rows, columns;
  explicit Matrix(const Shape& shape)
      : rows(shape.at(0)), columns(shape.size() > 1 ? shape.back() : 1) {}
};

// copy(of the whole, of the part, count) for each stretch of a sharded weight's part.
template <class Copy>
void for_stretches(const Parameter& parameter, int shard, int num_shards, Copy&& copy) {
  const Matrix part(parameter.shape);
  if (parameter.placement.dim == 0) return copy(shard * parameter.size(), 0, parameter.size());
  for (int64_t row = 0; row < part.rows; ++row)
    copy((row * num_shards + shard) * part.columns, row * part.columns, part.columns);
}

}  // namespace

WeightShards::WeightShards(WeightPlan plan, ParallelPlace place)
    : plan_(std::move(plan)), place_(std::move(place)) {
  CHECK(plan_.degree() == place_.tensor_degree, plan_.degree(), place_.tensor_degree);
  if (place_.zero != Zero::none)
    CHECK(is_aligned(place_.data_degree(), kRowRanges), place_.data_degree());
}

Shape WeightShards::logical_shape(const Parameter& parameter) const {
  Shape shape = parameter.shape;
  if (parameter.placement.is_shard()) shape.at(parameter.placement.dim) *= place_.tensor_degree;
  return shape;
}

WeightSlices WeightShards::local_slices(const Parameter& parameter) const {
  auto slices = plan_.slices_of(parameter.name, logical_shape(parameter));
  if (parameter.placement.is_shard()) slices.count /= place_.tensor_degree;
  return slices;
}

void WeightShards::take(const Parameter& parameter, std::span<const float> whole,
                        std::span<float> part) const {
  CHECK(std::ssize(whole) == num_elements(logical_shape(parameter)), parameter.name, whole.size());
  if (!parameter.placement.is_shard()) {
    std::ranges::copy(whole, part.begin());
    return;
  }
  for_stretches(parameter, place_.shard, place_.tensor_degree,
                [&](int64_t from, int64_t to, int64_t count) {
                  std::copy_n(&whole[from], count, &part[to]);
                });
}

std::vector<float> WeightShards::whole(const Parameter& parameter,
                                       std::span<const float> part) const {
  if (!parameter.placement.is_shard()) return {part.begin(), part.end()};
  const int degree = place_.tensor_degree;
  std::vector<float> parts(part.size() * degree), whole(parts.size());
  std::vector<int64_t> borders;
  for (int shard = 0; shard <= degree; ++shard) borders.push_back(shard * std::ssize(part) * 4);
  place_.tensor_group->all_gather(std::as_bytes(part), borders,
                                  std::as_writable_bytes(std::span(parts)));
  for (int shard = 0; shard < degree; ++shard)
    for_stretches(parameter, shard, degree, [&](int64_t to, int64_t from, int64_t count) {
      std::copy_n(&parts[shard * part.size() + from], count, &whole[to]);
    });
  return whole;
}

std::vector<int64_t> WeightShards::element_borders(const Parameter& parameter) const {
  const Matrix matrix(parameter.shape);
  const auto slices = local_slices(parameter);
  const int64_t cells = num_row_cells(slices), degree = place_.data_degree();
  std::vector<int64_t> borders;
  for (int64_t rank = 0; rank <= degree; ++rank)
    borders.push_back(first_row_of_cell(matrix.rows, slices, rank * cells / degree) *
                      matrix.columns);
  borders.back() = parameter.size();
  return borders;
}

WeightShards::Elements WeightShards::own_elements(const Parameter& parameter) const {
  if (place_.zero == Zero::none) return {0, parameter.size()};
  const auto borders = element_borders(parameter);
  return {borders[place_.data_rank()], borders[place_.data_rank() + 1]};
}

void WeightShards::gather_elements(const Parameter& parameter, std::span<float> values) const {
  if (place_.zero == Zero::none || place_.data_degree() == 1) return;
  auto borders = element_borders(parameter);
  for (int64_t& border : borders) border *= sizeof(float);
  const auto own = own_elements(parameter);
  place_.data_group->all_gather(std::as_bytes(values.subspan(own.begin, own.size())), borders,
                                std::as_writable_bytes(values));
}

void WeightShards::reduce_gradient(const Parameter& parameter, std::span<float> gradient,
                                   Presence present, bool everywhere) const {
  if (place_.data_degree() == 1) return;
  if (everywhere || place_.zero < Zero::gradients) {
    place_.data_group->all_reduce(gradient, present);
    return;
  }
  const auto own = own_elements(parameter);
  place_.data_group->reduce_scatter(gradient, element_borders(parameter),
                                    gradient.subspan(own.begin, own.size()), present);
}

void WeightShards::Squares::add(const WeightShards& shards, const Parameter& parameter,
                                std::span<const float> gradient, ThreadPool& pool) {
  const auto& place = shards.place_;
  const auto slices = shards.local_slices(parameter);
  const auto all = shards.plan_.slices_of(parameter.name, shards.logical_shape(parameter));
  auto& cells = cells_[parameter.name];
  cells.assign(static_cast<size_t>(all.count) * kRowRanges, 0);
  const bool is_sharded = parameter.placement.is_shard();
  if (!is_sharded && place.shard > 0) return;  // the first shard counts what all have
  const Matrix matrix(parameter.shape);
  const auto own = shards.own_elements(parameter);
  const auto here = squares_by_cell(gradient.data(), matrix.rows, matrix.columns, slices,
                                    own.begin / matrix.columns, own.end / matrix.columns, pool);
  std::ranges::copy(here, cells.begin() + (is_sharded ? place.shard * std::ssize(here) : 0));
}

// A cell is one rank's and 0 elsewhere: its sum is exact.
std::map<std::string, double> WeightShards::Squares::sum(const WeightShards& shards) {
  std::vector<double> all;
  for (const auto& [name, cells] : cells_) all.insert(all.end(), cells.begin(), cells.end());
  const auto& place = shards.place_;
  if (place.zero != Zero::none && place.data_degree() > 1) place.data_group->all_reduce(all);
  if (place.tensor_degree > 1) place.tensor_group->all_reduce(all);
  std::map<std::string, double> sums;
  size_t at = 0;
  for (const auto& [name, cells] : cells_) {
    sums[name] = sum_of_cells(std::span(all).subspan(at, cells.size()));
    at += cells.size();
  }
  return sums;
}

}  // namespace troupe
