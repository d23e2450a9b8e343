// The devices of a run as a grid with named axes.
#pragma once

#include <array>
#include <string>

namespace troupe {

enum class MeshAxis { pipeline, data, tensor };
inline constexpr int kMeshAxes = 3;
inline constexpr std::array<const char*, kMeshAxes> kMeshAxisNames = {"pipeline", "data", "tensor"};

struct MeshPoint {
  int pipeline = 0, data = 0, tensor = 0;
  bool operator==(const MeshPoint&) const = default;
};

// Degrees, at least 1 each.
struct Mesh {
  int pipeline = 1, data = 1, tensor = 1;

  int size() const { return pipeline * data * tensor; }
  int degree(MeshAxis axis) const {
    return axis == MeshAxis::pipeline ? pipeline : axis == MeshAxis::data ? data : tensor;
  }
  // Tensor shards are neighbours, then pipeline stages, then data replicas: rank 0 is (0, 0, 0),
  // rank 1 the next shard of the same stage.
  int rank(const MeshPoint& point) const {
    return (point.data * pipeline + point.pipeline) * tensor + point.tensor;
  }
  MeshPoint point(int rank) const {
    return {rank / tensor % pipeline, rank / tensor / pipeline, rank % tensor};
  }
  bool operator==(const Mesh&) const = default;
};

// Whether `degree` ranks can each own one whole subtree of a sum over `slices` slices.
constexpr bool is_aligned(int degree, int slices) {
  if (degree < 1 || slices % degree != 0) return false;
  const int each = slices / degree;
  return degree == 1 || (each & (each - 1)) == 0;
}

}  // namespace troupe
