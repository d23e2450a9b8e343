// How one value lies over the devices of a mesh axis.
#pragma once

#include <cstdint>
#include <string>

namespace troupe {

enum class PlacementKind : uint8_t {
  replicate,  // the same everywhere
  shard,      // equal parts of one dim, in rank order
  partial,    // one addend each, in f32
};

struct Placement {
  PlacementKind kind = PlacementKind::replicate;
  int dim = 0;  // of shard

  bool operator==(const Placement&) const = default;
  bool is_shard() const { return kind == PlacementKind::shard; }
  bool is_partial() const { return kind == PlacementKind::partial; }
};

inline constexpr Placement replicate() {
  return {};
}
inline constexpr Placement shard(int dim) {
  return {PlacementKind::shard, dim};
}
inline constexpr Placement partial() {
  return {PlacementKind::partial, 0};
}

inline std::string to_string(const Placement& placement) {
  if (placement.is_shard()) return "shard(" + std::to_string(placement.dim) + ")";
  return placement.is_partial() ? "partial" : "replicate";
}

}  // namespace troupe
