#include "kernels/matmul/tile_cpu.h"

namespace troupe {

template void compute_tile<float>(const Tile&);

}  // namespace troupe
