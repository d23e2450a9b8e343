// Files of apps/pages/ and of Debian's D3 that the build puts into the binary (cmake/troupe.cmake).
#pragma once

#include <string_view>

namespace troupe {

// The bytes of the file with this name, without folders. Throws if there is none.
std::string_view embedded_file(std::string_view name);

}  // namespace troupe
