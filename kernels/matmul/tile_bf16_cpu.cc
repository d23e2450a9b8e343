#ifdef __AMX_BF16__
#include "kernels/matmul/tile_amx.h"
#else
#include "kernels/matmul/tile_cpu.h"
#endif

namespace troupe {

#ifdef __AMX_BF16__

template <>
void compute_tile<Bf16>(const Tile& tile) {
  compute_tile_with_amx(tile);
}
template <>
void finish_tiles<Bf16>() {
  AmxPending::of_this_thread().finish_all();
}
template <>
void release_tiles<Bf16>() {
  finish_tiles<Bf16>();
  AmxShape::release();
}

#else

template <>
void compute_tile<Bf16>(const Tile& tile) {
  compute_tile_with_vectors<Bf16>(tile);
}
template <>
void finish_tiles<Bf16>() {}
template <>
void release_tiles<Bf16>() {}

#endif

}  // namespace troupe
