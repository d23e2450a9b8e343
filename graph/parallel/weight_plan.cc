#include "graph/parallel/weight_plan.h"

#include "base/error.h"
#include "graph/parallel/mesh.h"
#include "graph/parallel/plans/llama.h"
#include "kernels/loss/log_softmax.h"

namespace troupe {
namespace {

struct Family {
  std::string_view model_type;
  const FamilyPlan& plan;
};

const Family kFamilies[] = {
    {"llama", llama_plan()},
};

}  // namespace

const FamilyPlan& plan_of_family(std::string_view model_type) {
  for (const auto& family : kFamilies)
    if (family.model_type == model_type) return family.plan;
  throw Error("no parallel plan for models of type \"" + std::string(model_type) + "\"");
}

bool matches(std::string_view pattern, std::string_view name) {
  const auto star = pattern.find('*');
  if (star == pattern.npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const auto rest = pattern.substr(star + 1);
  for (size_t at = star; at <= name.size(); ++at)
    if (matches(rest, name.substr(at))) return true;
  return false;
}

WeightPlan::WeightPlan(const FamilyPlan& family, int tensor_slices, int degree,
                       std::vector<PlacementOverride> overrides)
    : family_(&family),
      tensor_slices_(tensor_slices),
      degree_(degree),
      overrides_(std::move(overrides)) {
  CHECK(degree >= 1 && tensor_slices >= 1, degree, tensor_slices);
}

const PlanRow* WeightPlan::row_of(std::string_view name) const {
  if (!family_) return nullptr;
  for (const auto& row : *family_)
    if (matches(row.pattern, name)) return &row;
  return nullptr;
}

WeightSlices WeightPlan::slices_of(std::string_view name, const Shape& shape) const {
  const auto* row = row_of(name);
  if (!row) return {};
  if (row->sliced_by == SlicedBy::tensor) return {row->dim, tensor_slices_};
  return {row->dim, vocab_slices(shape[row->dim])};
}

Placement WeightPlan::placement_of(std::string_view name, const Shape& shape) const {
  const auto* row = row_of(name);
  if (degree_ == 1) return replicate();
  const auto slices = slices_of(name, shape);
  const bool aligns = row && is_aligned(degree_, slices.count);
  const auto refuse = [&](const Placement& wanted) {
    return Error(std::string(name) + " " + to_string(shape) + ": " + to_string(wanted) + " over " +
                 std::to_string(degree_) + " ranks of the tensor axis is impossible: it has " +
                 std::to_string(slices.count) + " slices of dim " + std::to_string(slices.dim) +
                 ", of which each rank must own a whole subtree");
  };
  for (const auto& own : overrides_) {
    if (!matches(own.pattern, name)) continue;
    if (own.placement.is_shard() && !(aligns && own.placement.dim == slices.dim))
      throw refuse(own.placement);
    return own.placement;
  }
  if (!row) return replicate();
  if (aligns) return shard(slices.dim);
  if (row->sliced_by == SlicedBy::vocabulary) return replicate();
  throw refuse(shard(slices.dim));
}

}  // namespace troupe
