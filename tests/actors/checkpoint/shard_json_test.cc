#include "actors/checkpoint/shard_json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

TEST(ShardJsonTest, AShardComesBackAsItWas) {
  const ShardInfo shard = {
      "critic/model",
      1,
      3,
      "critic/model-00002-of-00003.safetensors",
      1234567890123,
      0xfedcba9876543210u,
      {{"a", DType::bf16, {2, 3}, 0xffffffffffffffffu}, {"b", DType::f32, {}, 0}}};
  const auto again = shard_from_json(to_json(shard));
  EXPECT_EQ(again.kind, shard.kind);
  EXPECT_EQ(again.shard_index, 1);
  EXPECT_EQ(again.num_shards, 3);
  EXPECT_EQ(again.file, shard.file);
  EXPECT_EQ(again.bytes, shard.bytes);
  EXPECT_EQ(again.xxh3, shard.xxh3);
  ASSERT_EQ(again.tensors.size(), 2u);
  EXPECT_EQ(again.tensors[0].name, "a");
  EXPECT_EQ(again.tensors[0].dtype, DType::bf16);
  EXPECT_EQ(again.tensors[0].shape, (Shape{2, 3}));
  EXPECT_EQ(again.tensors[0].xxh3, 0xffffffffffffffffu);
  EXPECT_TRUE(again.tensors[1].shape.empty());
}

TEST(ShardJsonTest, MalformedTextIsRefused) {
  for (const char* text : {"", "{}", "[1]", R"({"kind": 5})"})
    EXPECT_THROW(shard_from_json(text), Error) << text;
}

}  // namespace
}  // namespace troupe
