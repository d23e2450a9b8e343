// The actors' tests are also their own node and launcher processes, so that real processes can be
// killed without building another program: `actors_tests node ...` and `actors_tests launch ...`.
#include <gtest/gtest.h>

#include <string>

#include "tests/actors/cluster/echo.h"

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "node") troupe::run_echo_node({argv + 2, argv + argc});
  if (mode == "launch") return troupe::run_echo_launcher({argv + 2, argv + argc});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
