// What a fingerprint sees of a model's files, and what it leaves out.
#include "storage/fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

TEST(FingerprintTest, AnEqualCopyHasTheSameOne) {
  const TemporaryFolder folder;
  rewrite(folder / "a", "weights");
  rewrite(folder / "b", "weights");
  EXPECT_EQ(fingerprint(folder / "a"), fingerprint(folder / "b"));
  EXPECT_EQ(fingerprint(folder / "a").size(), 16u);
}

TEST(FingerprintTest, EveryByteOfASmallFileCounts) {
  const TemporaryFolder folder;
  std::string bytes(1000, 'a');
  std::set<std::string> found;
  for (char& byte : bytes) {
    byte = 'b';
    rewrite(folder / "a", bytes);
    found.insert(fingerprint(folder / "a"));
  }
  EXPECT_EQ(found.size(), bytes.size());
}

TEST(FingerprintTest, SizeAndBothEndsOfALargeFileCount) {
  const TemporaryFolder folder;
  const std::string bytes(9 << 20, 'a');
  auto first = bytes, last = bytes;
  first.front() = last.back() = 'b';
  std::set<std::string> found;
  for (const auto& text : {bytes, first, last, bytes + 'a'}) {
    rewrite(folder / "a", text);
    found.insert(fingerprint(folder / "a"));
  }
  EXPECT_EQ(found.size(), 4u);
}

TEST(FingerprintTest, AFolderCountsByNamesAndBytesOfTheModelsFiles) {
  const TemporaryFolder folder;
  rewrite(folder / "config.json", "{}");
  rewrite(folder / "model.safetensors", "weights");
  const auto before = fingerprint(folder.path());
  rewrite(folder / "README", "other files do not matter");
  EXPECT_EQ(fingerprint(folder.path()), before);
  std::filesystem::rename(folder / "config.json", folder / "configuration.json");
  EXPECT_NE(fingerprint(folder.path()), before);
  std::filesystem::rename(folder / "configuration.json", folder / "config.json");
  rewrite(folder / "model.safetensors", "heights");
  EXPECT_NE(fingerprint(folder.path()), before);
}

TEST(FingerprintTest, AFileThatIsNotThereIsNamed) {
  EXPECT_NE(error_of([] { fingerprint("/no/such/model"); }).find("/no/such/model"),
            std::string::npos);
}

}  // namespace
}  // namespace troupe
