// One line per message that crosses processes: TROUPE_MESSAGE(Announce, x.name, x.actor) tells CAF
// how to read, write and print the struct `Announce`, whose members are seen as `x`.
#pragma once

#include <caf/all.hpp>

#define TROUPE_MESSAGE(Type, ...)                                     \
  template <class Inspector>                                          \
  auto inspect(Inspector& f, [[maybe_unused]] Type& x) {              \
    return f(caf::meta::type_name(#Type) __VA_OPT__(, ) __VA_ARGS__); \
  }
