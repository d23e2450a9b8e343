// What is coloured in a topology on a terminal, and that nothing else of it changes.
#include "apps/terminal_colours.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(TerminalColoursTest, NodesAreBoldAndWhatIsLostIsRed) {
  EXPECT_EQ(coloured("2 nodes\n├─ a (pid 1 on vm, running)\n└─ b (pid 2 on vm, lost, step 3)\n"),
            "2 nodes\n\x1b[1m├─ a (pid 1 on vm, running)\x1b[0m\n"
            "\x1b[31m└─ b (pid 2 on vm, lost, step 3)\x1b[0m\n");
  EXPECT_EQ(coloured("   x  1.0 % busy  failed\n"), "\x1b[31m   x  1.0 % busy  failed\x1b[0m\n");
}

}  // namespace
}  // namespace troupe
