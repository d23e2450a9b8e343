#include "benchmarks/collectives/rival.h"

namespace troupe {

AllReduce gloo_all_reduce(const std::string&, int, int) {
  return nullptr;
}

}  // namespace troupe
