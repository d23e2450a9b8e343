#include "apps/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/run_config.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

// Works in an empty folder of its own.
class RunFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(folder_);
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  Config config(const std::string& dir) {
    Config out(capnp::Schema::from<RunConfig>());
    out.set("run.dir=" + dir);
    return out;
  }
  std::string refusal(const std::string& dir) {
    auto run = config(dir);
    try {
      make_run_folder(run, "configs/quickstart.yaml");
    } catch (const UsageError& e) {
      return e.what();
    }
    return "nothing was refused";
  }
  fs::path before_ = fs::current_path();
  fs::path folder_ = fs::path(testing::TempDir()) /
                     (std::string("troupe_run_folder_") +
                      testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(RunFolderTest, HoldsTheResolvedConfigAndIsTheLatest) {
  auto first = config("runs/first");
  make_run_folder(first, "configs/quickstart.yaml");
  auto second = config("");
  const auto folder = make_run_folder(second, "configs/quickstart.yaml");
  EXPECT_EQ(fs::canonical("runs/latest"), fs::canonical(folder));
  Config read(capnp::Schema::from<RunConfig>());
  read.read_file(folder / "config.yaml");
  EXPECT_EQ(read.to_yaml(), second.to_yaml());
  EXPECT_EQ(fs::path(read.as<RunConfig>().getRun().getDir().cStr()), folder);
}

TEST_F(RunFolderTest, AFolderForOffloadedMomentsMustTakeFiles) {
  auto run = config("run");
  run.set("parallel.offload_folder=" + (folder_ / "none").string());
  EXPECT_NO_THROW(check_offload_folder(run)) << "nothing is to be kept there";
  run.set("parallel.offload=[optimizer]");
  try {
    check_offload_folder(run);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(
        error.what(),
        testing::AllOf(testing::HasSubstr("parallel.offload_folder: no file can be made in " +
                                          (folder_ / "none").string()),
                       testing::HasSubstr("No such file or directory")));
  }
  fs::create_directory(folder_ / "none");
  EXPECT_NO_THROW(check_offload_folder(run));
  EXPECT_TRUE(fs::is_empty(folder_ / "none"));
}

TEST_F(RunFolderTest, TheFilesThatItReadsAreFoundFromElsewhere) {
  auto run = config("run");
  run.set("model.path=models/../a.gguf");
  run.set("reward.lexicon_path=/abs/lexicon.txt");
  make_run_folder(run, "configs/quickstart.yaml");
  Config read(capnp::Schema::from<RunConfig>());
  read.read_file("run/config.yaml");
  const auto resolved = read.as<RunConfig>();
  EXPECT_EQ(fs::path(resolved.getModel().getPath().cStr()), fs::current_path() / "a.gguf");
  EXPECT_EQ(fs::path(resolved.getReward().getLexiconPath().cStr()), "/abs/lexicon.txt");
  EXPECT_EQ(resolved.getTask().getPath().size(), 0u) << "what is not given is not made up";
}

TEST_F(RunFolderTest, AConfigThatCannotBeWrittenLeavesTheOneThatIsThere) {
  auto run = load_run_config(TROUPE_SOURCE_DIR "/configs/quickstart.yaml", {"run.dir=run"});
  make_run_folder(run, "configs/quickstart.yaml");
  const auto changed = reopen_run_folder("run", {"trainer.save_freq=7"});
  EXPECT_EQ(reopen_run_folder("run", {}).to_yaml(), run.to_yaml()) << "reopened, not yet changed";
  fs::create_directory("run/config.yaml.partial");  // in the way
  EXPECT_THROW(write_run_config("run", changed), Error);
  EXPECT_EQ(reopen_run_folder("run", {}).to_yaml(), run.to_yaml());
  fs::remove("run/config.yaml.partial");
  write_run_config("run", changed);
  EXPECT_EQ(reopen_run_folder("run", {}).as<RunConfig>().getTrainer().getSaveFreq(), 7);
}

TEST_F(RunFolderTest, AFolderInUseIsRefused) {
  EXPECT_EQ(refusal("a/b"), "nothing was refused");
  EXPECT_THAT(refusal("a/b"),
              testing::StartsWith("run.dir = a/b: there is something in it already"));
  EXPECT_TRUE(fs::exists("a/b/config.yaml"));
}

TEST_F(RunFolderTest, AFolderThatCannotBeMadeIsRefused) {
  std::ofstream("file") << "x";
  EXPECT_THAT(refusal("file"), testing::HasSubstr("not a folder"));
  EXPECT_THAT(refusal("file/run"),
              testing::HasSubstr("run.dir = file/run: cannot be made: Not a directory"));
}

}  // namespace
}  // namespace troupe
