#include "storage/tensorboard/event_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "storage/tensorboard/event_record.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using nlohmann::json;

// The events in a file, each frame's two CRCs checked.
std::vector<std::string> events_in(const std::string& path) {
  std::vector<std::string> events;
  const auto bytes = read_file(path);
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof(length));
    CHECK(at + 16 + length <= bytes.size(), path, at, length);
    events.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(tf_record(events.back()), bytes.substr(at, 16 + length)) << "frame at " << at;
    at += 16 + length;
  }
  return events;
}

class EventFileTest : public testing::Test {
 protected:
  // The one event file that there is.
  std::string path() const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(tensorboard))
      if (entry.path().filename() != "other") paths.push_back(entry.path());
    EXPECT_EQ(paths.size(), 1u);
    return paths.at(0);
  }

  // What it says of metrics, behind the event that every file starts with.
  std::vector<std::string> events() const {
    auto all = events_in(path());
    EXPECT_TRUE(all.at(0).ends_with("brain.Event:2"));
    all.erase(all.begin());
    return all;
  }

  const json sft = {
      {"phase", "sft"}, {"training/global_step", 2}, {"train/loss", 0.5}, {"wall_time", 10.5}};
  const json ppo = {{"phase", "ppo"},
                    {"training/global_step", 1},
                    {"actor/pg_loss", 0.25},
                    {"actor/kl_loss", nullptr},
                    {"wall_time", 11.5}};
  const std::string of_sft =
      scalars_event(10.5, 2, {{"sft/train/loss", 0.5}, {"sft/training/global_step", 2}});
  const std::string of_ppo =
      scalars_event(11.5, 1, {{"actor/pg_loss", 0.25}, {"training/global_step", 1}});
  TemporaryFolder folder;
  const std::string tensorboard = folder / "tensorboard";
  const std::string metrics = folder / "metrics.jsonl";
};

TEST_F(EventFileTest, EveryNumberOfALineIsAScalarAtItsStepAndTime) {
  rewrite(metrics, "");
  EventFile file(tensorboard, metrics);
  file.add(sft);
  EXPECT_EQ(events(), (std::vector{of_sft}));  // a line can be seen once it is added
  file.add(ppo);
  EXPECT_EQ(events(), (std::vector{of_sft, of_ppo}));
}

TEST_F(EventFileTest, ARunThatGoesOnShowsTheLinesThatWereKeptAndNoOthers) {
  rewrite(metrics, "");
  {
    EventFile file(tensorboard, metrics);
    file.add(sft);
    file.add(ppo);
  }
  std::filesystem::rename(path(), tensorboard + "/events.out.tfevents.1.host.1");  // long ago
  rewrite(tensorboard + "/other", "stays");
  rewrite(metrics, sft.dump() + "\n");
  EventFile file(tensorboard, metrics);
  EXPECT_EQ(events(), (std::vector{of_sft}));
  EXPECT_TRUE(std::filesystem::exists(tensorboard + "/other"));
}

TEST_F(EventFileTest, TheNameIsOneThatTensorBoardLooksFor) {
  rewrite(metrics, "");
  EventFile file(tensorboard, metrics);
  EXPECT_TRUE(
      std::filesystem::path(path()).filename().string().starts_with("events.out.tfevents."));
}

}  // namespace
}  // namespace troupe
