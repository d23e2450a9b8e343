// The actors' tests are also their own node and launcher processes, so that real processes can be
// killed without building another program: `actors_tests node ...` and `actors_tests launch ...`.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/actors/cluster/echo.h"

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "node") troupe::run_echo_node({argv + 2, argv + argc});
  int status = 0;
  if (mode == "launch") {
    status = troupe::run_echo_launcher({argv + 2, argv + argc});
  } else {
    testing::InitGoogleTest(&argc, argv);
    status = RUN_ALL_TESTS();
  }
  std::fflush(nullptr);
  std::_Exit(status);  // a launcher's actor system is not unwound (actors/cluster/cluster.h)
}
