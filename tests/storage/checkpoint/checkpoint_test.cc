#include "storage/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>

#include "base/hash.h"
#include "storage/file.h"
#include "storage/safetensors/reader.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using ::testing::HasSubstr;

const std::map<std::string, std::string> kFiles = {
    {"config.json", "{}"},
    {"state.json", "{\"step\": 7}"},
    {"critic/config.json", "{\"model_type\": \"llama\"}"}};

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
  return std::as_bytes(std::span(values));
}

// Two shards of a policy, an optimizer, a critic, a tokenizer.
class CheckpointTest : public ::testing::Test {
 protected:
  std::string dir(int64_t step) const { return checkpoint_folder(folder_.path(), step); }

  std::vector<ShardInfo> write_shards(const std::string& partial) const {
    const TensorView b{"b.weight", DType::f32, {2, 1}, bytes_of(two_)};
    const TensorView a{"a.weight", DType::f32, {3}, bytes_of(three_)};
    const TensorView moment{"a.weight/moment1_0", DType::f32, {3}, bytes_of(three_)};
    return {write_shard(partial, "model", 1, 2, std::span(&a, 1)),
            write_shard(partial, "model", 0, 2, std::span(&b, 1)),
            write_shard(partial, "optimizer", 0, 1, std::span(&moment, 1)),
            write_shard(partial, "critic/model", 0, 1, std::span(&b, 1))};
  }

  std::string write(int64_t step) const {
    const auto partial = begin_checkpoint(dir(step));
    const auto shards = write_shards(partial);
    write_file(partial + "/tokenizer.json", "{}", false);
    commit_checkpoint(partial, dir(step), shards, kFiles, {{"tensor_slices", 2}});
    return dir(step);
  }

  TemporaryFolder folder_;
  std::vector<float> two_ = {1, 2};
  std::vector<float> three_ = {3, 4, 5};
};

TEST_F(CheckpointTest, WritesWhatTransformersReads) {
  const auto step = write(120);
  EXPECT_EQ(step, folder_ / "checkpoints/step-000120");
  const SafetensorsFolder model(step);
  ASSERT_EQ(model.tensors().size(), 2u);
  EXPECT_EQ(std::memcmp(model.at("a.weight").bytes.data(), three_.data(), 12), 0);
  const auto index = read_json_file(step + "/model.safetensors.index.json");
  EXPECT_EQ(index["weight_map"]["a.weight"], "model-00002-of-00002.safetensors");
  EXPECT_EQ(index["metadata"]["total_size"], 20);
  EXPECT_EQ(SafetensorsFolder(step, "optimizer").tensors()[0].name, "a.weight/moment1_0");
  EXPECT_EQ(SafetensorsFolder(step + "/critic").tensors()[0].name, "b.weight");
  EXPECT_EQ(read_json_file(step + "/manifest.json")["numerics"]["tensor_slices"], 2);
  EXPECT_FALSE(std::filesystem::exists(partial_folder(step)));
}

TEST_F(CheckpointTest, SameTensorsGiveTheSameBytes) {
  const auto one = write(1), two = write(2);
  for (const auto* file :
       {"manifest.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"})
    EXPECT_EQ(read_file(one + '/' + file), read_file(two + '/' + file)) << file;
}

TEST_F(CheckpointTest, VerifiesEverythingIncludingOtherRoles) {
  const auto size = verify_checkpoint(write(1));
  EXPECT_EQ(size.tensors, 4);
  EXPECT_EQ(size.files, 4 + 3 + 3 + 1);  // shards, indexes, documents, tokenizer
}

TEST_F(CheckpointTest, NamesTheFlippedTensorOrFileWhereverTheByteIs) {
  const auto step = write(1);
  const std::map<std::string, std::string> last_byte_names = {
      {"model-00002-of-00002.safetensors", "tensor a.weight"},
      {"critic/model-00001-of-00001.safetensors",
       "critic/model-00001-of-00001.safetensors: tensor b.weight"},
      {"optimizer-00001-of-00001.safetensors", "tensor a.weight/moment1_0"},
      {"state.json", "state.json: xxh3"},
      {"tokenizer.json", "tokenizer.json: xxh3"}};
  for (const auto& [file, message] : last_byte_names) {
    const auto whole = read_file(step + '/' + file);
    auto flipped = whole;
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    rewrite(step + '/' + file, flipped);
    EXPECT_THAT(error_of([&] { verify_checkpoint(step); }), HasSubstr(message));
    rewrite(step + '/' + file, whole);
  }
  EXPECT_EQ(error_of([&] { verify_checkpoint(step); }), "");
}

TEST_F(CheckpointTest, FindsEveryFlippedByteOfAShardAndOfTheManifest) {
  const auto step = write(1);
  for (const std::string file : {"model-00001-of-00002.safetensors", "manifest.json"}) {
    const auto whole = read_file(step + '/' + file);
    for (size_t i = 0; i < whole.size(); ++i) {
      auto flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ 0x04);
      rewrite(step + '/' + file, flipped);
      const auto error = error_of([&] { verify_checkpoint(step); });
      // A space or line end of the manifest may turn into another, which changes nothing.
      if (file == "manifest.json" && std::isspace(static_cast<unsigned char>(whole[i]))) continue;
      EXPECT_THAT(error, HasSubstr(file)) << i;
    }
    rewrite(step + '/' + file, whole);
  }
}

TEST_F(CheckpointTest, NoticesMissingAddedAndShortenedFiles) {
  const auto step = write(1);
  write_file(step + "/stray", "x", false);
  EXPECT_THAT(error_of([&] { verify_checkpoint(step); }), HasSubstr("stray: not in the manifest"));
  std::filesystem::remove(step + "/stray");
  std::filesystem::resize_file(step + "/state.json", 3);
  EXPECT_THAT(error_of([&] { verify_checkpoint(step); }), HasSubstr("state.json: has 3 bytes"));
  std::filesystem::remove(step + "/config.json");
  EXPECT_THAT(error_of([&] { verify_checkpoint(step); }), HasSubstr("config.json: No such file"));
}

TEST_F(CheckpointTest, HashesNamesAndBytesInTheOrderOfNames) {
  const auto expected = [&] {
    Sha256 hash;
    hash.add("a.weight");
    hash.add(bytes_of(three_));
    hash.add("b.weight");
    hash.add(bytes_of(two_));
    return hash.finish();
  }();
  EXPECT_EQ(model_hash(write(1)), expected);
  const std::vector<TensorView> tensors = {{"b.weight", DType::f32, {2}, bytes_of(two_)},
                                           {"a.weight", DType::f32, {3}, bytes_of(three_)}};
  EXPECT_EQ(model_hash(tensors), expected);
}

// The figure is Python's: hashlib over the sorted names and bytes of these files.
TEST(ModelHashTest, IsWhatAnotherToolComputes) {
  EXPECT_EQ(model_hash(std::string(TROUPE_SOURCE_DIR) + "/tests/golden/models/llama_sharded"),
            "04f0b8f6e2d5efa7afb9483a73e542bea358ad1c9f81ee5ad83d16b23097b502");
}

TEST_F(CheckpointTest, FindsTheLatestThatWasCommitted) {
  EXPECT_EQ(latest_checkpoint(folder_.path()), std::nullopt);
  write(2);
  write(10);
  begin_checkpoint(dir(11));
  make_folder(dir(12));
  EXPECT_EQ(latest_checkpoint(folder_.path()), dir(10));
}

TEST_F(CheckpointTest, AFullDiskLeavesTheLastCheckpointAlone) {
  const auto good = write(1);
  const auto partial = begin_checkpoint(dir(2));
  std::filesystem::create_symlink("/dev/full", partial + "/model-00001-of-00001.safetensors");
  const TensorView tensor{"a", DType::f32, {3}, bytes_of(three_)};
  EXPECT_THAT(error_of([&] { write_shard(partial, "model", 0, 1, std::span(&tensor, 1)); }),
              HasSubstr("cannot write " + partial +
                        "/model-00001-of-00001.safetensors: No space left on device"));
  EXPECT_EQ(latest_checkpoint(folder_.path()), good);
  EXPECT_EQ(error_of([&] { verify_checkpoint(good); }), "");
}

TEST_F(CheckpointTest, SaysWhichFolderCannotBeWritten) {
  write_file(folder_ / "checkpoints", "a file in the way", false);
  EXPECT_THAT(error_of([&] { begin_checkpoint(dir(1)); }),
              HasSubstr(dir(1) + ".partial: Not a directory"));
}

TEST_F(CheckpointTest, CommitsOnlyWhatIsComplete) {
  const auto partial = begin_checkpoint(dir(1));
  auto shards = write_shards(partial);
  const auto commit_error = [&](const auto& list, const auto& files) {
    return error_of([&] { commit_checkpoint(partial, dir(1), list, files); });
  };
  EXPECT_THAT(commit_error(shards, std::map<std::string, std::string>{{"config.json", "{}"}}),
              HasSubstr("state.json"));
  auto missing = shards;
  missing.erase(missing.begin());
  EXPECT_THAT(commit_error(missing, kFiles), HasSubstr("kind = model"));
  auto twice = shards;
  twice[1].tensors = twice[0].tensors;
  EXPECT_THAT(commit_error(twice, kFiles), HasSubstr("a.weight"));
  auto unreported = shards;
  unreported.pop_back();
  EXPECT_THAT(commit_error(unreported, kFiles), HasSubstr("no writer reported this shard"));
  auto resized = shards;
  resized[0].bytes += 1;
  EXPECT_THAT(commit_error(resized, kFiles), HasSubstr("shard.bytes"));
  EXPECT_EQ(latest_checkpoint(folder_.path()), std::nullopt);
  EXPECT_EQ(commit_error(shards, kFiles), "");
  begin_checkpoint(dir(1));
  EXPECT_THAT(commit_error(shards, kFiles), HasSubstr("exists already"));
}

TEST_F(CheckpointTest, ThrowsAwayWhatACrashLeft) {
  write_file(begin_checkpoint(dir(1)) + "/model-00001-of-00009.safetensors", "half", false);
  EXPECT_EQ(error_of([&] { verify_checkpoint(write(1)); }), "");
}

}  // namespace
}  // namespace troupe
