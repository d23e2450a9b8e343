// How the folders of runs and clusters are named, and which is the latest.
#include "apps/dated_folder.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

TEST(DatedFolderTest, IsNamedByConfigAndTime) {
  EXPECT_EQ(dated_folder("runs", "configs/quickstart.yaml", 1769869501LL * 1'000'000'000),
            "runs/quickstart-20260131-142501");
}

TEST(DatedFolderTest, TheLatestTakesTheOldOnesPlaceAndAFolderElsewhereDoesNot) {
  const TemporaryFolder temporary;
  const fs::path parent = temporary / "clusters";
  for (const char* name : {"a", "b"}) {
    fs::create_directories(parent / name);
    link_latest(parent / name, parent);
  }
  link_latest(temporary / "elsewhere", parent);
  EXPECT_EQ(fs::read_symlink(parent / "latest"), "b");
}

}  // namespace
}  // namespace troupe
