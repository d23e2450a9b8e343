#include "kernels/matmul/tile_cpu.h"

namespace troupe {

template void compute_tile<Bf16>(const Tile&);

}  // namespace troupe
