// Whether the process behind a record is there still.
#include "storage/inspect/node_records.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/host_name.h"
#include "storage/journal/process_start.h"

namespace troupe {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

NodeRecord record_of_this_process() {
  return {.pid = getpid(), .process_start = process_start(getpid()), .host = host_name()};
}

TEST(NodeRecordsTest, OnThisHostTheProcessIsLookedUpHoweverOldItsRecordIs) {
  auto record = record_of_this_process();
  EXPECT_TRUE(is_alive_at(record, 1000 * kSecond));
  ++record.process_start;  // its pid has another process now
  EXPECT_FALSE(is_alive_at(record, 0));
}

TEST(NodeRecordsTest, OnAnotherHostAYoungRecordIsBelieved) {
  auto record = record_of_this_process();
  record.host = "another";
  record.wall_time_ns = 100 * kSecond;
  EXPECT_TRUE(is_alive_at(record, 129 * kSecond));
  EXPECT_FALSE(is_alive_at(record, 130 * kSecond));
}

}  // namespace
}  // namespace troupe
