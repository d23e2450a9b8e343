#include "storage/tensorboard/event_record.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(EventRecordTest, TheCrcIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

// The bytes that the RecordWriter of the Python package tensorboard 2.21.0 makes of these events.
TEST(EventRecordTest, RecordsAreTheBytesThatTensorBoardWrites) {
  EXPECT_EQ(hex(tf_record(version_event(1.5))),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c");
  const auto event =
      scalars_event(1700000000.25, 300, {{"actor/pg_loss", 0.5}, {"sft/train/loss", -2}});
  EXPECT_EQ(hex(tf_record(event)),
            "3b000000000000001a23ac5c0900001040fc54d94110ac022a2d0a140a0d6163746f722f70675f6c6f7373"
            "150000003f0a150a0e7366742f747261696e2f6c6f737315000000c0b150bde1");
}

}  // namespace
}  // namespace troupe
