// Another library's all_reduce between processes of a host. Without that library at build time
// there is none, and without_gloo.cc stands in.
#pragma once

#include <functional>
#include <span>
#include <string>

namespace troupe {

using AllReduce = std::function<void(std::span<float> values)>;

// Gloo's over its TCP transport on the loopback interface, by its chunked ring. Ranks find each
// other in `folder`. Null: troupe was built without it.
AllReduce gloo_all_reduce(const std::string& folder, int rank, int size);

}  // namespace troupe
