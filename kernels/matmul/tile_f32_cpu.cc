#include "kernels/matmul/tile_cpu.h"

namespace troupe {

template <>
void compute_tile<float>(const Tile& tile) {
  compute_tile_with_vectors<float>(tile);
}
template <>
void finish_tiles<float>() {}
template <>
void release_tiles<float>() {}

}  // namespace troupe
