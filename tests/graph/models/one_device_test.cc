#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

namespace troupe {
namespace {

// The first word of parallelism in a text; empty: there is none.
std::string word_of_parallelism(const std::string& text) {
  static const std::regex words(
      "parallel|shard|\\bmesh|\\branks?\\b|collective|all_reduce|all_gather|reduce_scatter|"
      "pipeline|replica",
      std::regex::icase);
  std::smatch found;
  return std::regex_search(text, found, words) ? found.str() : "";
}

TEST(OneDeviceTest, NoModelNorLayerSaysAWordOfParallelism) {
  int num_files = 0;
  for (const char* folder : {"/graph/models", "/graph/layers"})
    for (const auto& entry :
         std::filesystem::directory_iterator(TROUPE_SOURCE_DIR + std::string(folder))) {
      std::ifstream file(entry.path());
      const std::string text(std::istreambuf_iterator<char>(file), {});
      EXPECT_EQ(word_of_parallelism(text), "") << entry.path();
      ++num_files;
    }
  EXPECT_GE(num_files, 8);
}

TEST(OneDeviceTest, AWordWouldBeFound) {
  EXPECT_EQ(word_of_parallelism("x = all_reduce(x);"), "all_reduce");
  EXPECT_EQ(word_of_parallelism("int rank = 0;"), "rank");
}

}  // namespace
}  // namespace troupe
