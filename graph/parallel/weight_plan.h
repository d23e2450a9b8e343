// The plan beside a model: which weights lie how over the tensor axis, by patterns of their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/shape.h"
#include "graph/parallel/placement.h"
#include "kernels/optimizer/gradient_norm.h"

namespace troupe {

// What a weight's slices are counted by: the slices of contractions that tensor parallelism may
// cut, or those of the vocabulary.
enum class SlicedBy { tensor, vocabulary };

struct PlanRow {
  std::string_view pattern;  // of weight names; * stands for any characters
  int dim = 0;
  SlicedBy sliced_by = SlicedBy::tensor;
};

// A family's page: the first row that matches counts; a weight that none matches is replicated.
using FamilyPlan = std::vector<PlanRow>;
const FamilyPlan& plan_of_family(std::string_view model_type);  // "llama"; throws if there is none

// A user's own word on a weight, against its family's.
struct PlacementOverride {
  std::string pattern;
  Placement placement;
};

bool matches(std::string_view pattern, std::string_view name);

// What a plan makes of weights, for one degree of the tensor axis.
class WeightPlan {
 public:
  WeightPlan() = default;  // all replicated
  WeightPlan(const FamilyPlan& family, int tensor_slices, int degree,
             std::vector<PlacementOverride> overrides = {});

  int degree() const { return degree_; }
  // In how many equal parts a weight may be cut, and along which dim; of its logical shape. A
  // property of the one order: the same for every degree, whatever the user says.
  WeightSlices slices_of(std::string_view name, const Shape& shape) const;
  // Throws an Error naming weight, shape and axis where the degree does not align with the slices.
  // A vocabulary that does not align is replicated.
  Placement placement_of(std::string_view name, const Shape& shape) const;

 private:
  const PlanRow* row_of(std::string_view name) const;

  const FamilyPlan* family_ = nullptr;
  int tensor_slices_ = 1, degree_ = 1;
  std::vector<PlacementOverride> overrides_;
};

}  // namespace troupe
