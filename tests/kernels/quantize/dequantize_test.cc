#include "kernels/quantize/dequantize.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

// A block: f16 fields first, then bytes that count up in steps of 37, so that all nibbles occur.
std::vector<std::byte> block(std::vector<uint16_t> halves, size_t count) {
  std::vector<std::byte> bytes;
  for (auto half : halves) {
    bytes.push_back(static_cast<std::byte>(half & 255));
    bytes.push_back(static_cast<std::byte>(half >> 8));
  }
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(i * 37 + 200));
  return bytes;
}

std::vector<std::byte> k_block(size_t size, std::vector<std::pair<size_t, uint16_t>> halves) {
  auto bytes = block({}, size);
  for (auto [at, half] : halves) std::memcpy(&bytes[at], &half, sizeof half);
  return bytes;
}

std::vector<float> numbers(BlockType type, const std::vector<std::byte>& bytes, size_t count) {
  std::vector<float> out(count);
  dequantize(type, bytes, out);
  return out;
}

constexpr uint16_t kThird = 0x3555;       // 0.333251953125
constexpr uint16_t kMinusTenth = 0xae66;  // -0.0999755859375
constexpr uint16_t kSmallest = 0x0001;    // 2^-24, subnormal

TEST(DequantizeTest, ReadsQ80AsScaleTimesSignedByte) {
  const auto bytes = block({kThird}, 32);
  const auto out = numbers(BlockType::q8_0, bytes, 32);
  EXPECT_EQ(out[0], -56 * 0.333251953125f);  // byte 200
  EXPECT_EQ(out[2], 18 * 0.333251953125f);   // byte 274 - 256
  for (size_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], static_cast<float>(static_cast<int8_t>(bytes[2 + i])) * 0.333251953125f);
}

TEST(DequantizeTest, ReadsQ40WithLowNibblesFirstAndEightSubtracted) {
  const auto bytes = block({kThird}, 16);
  const auto out = numbers(BlockType::q4_0, bytes, 32);
  for (size_t i = 0; i < 16; ++i) {
    const int pair = static_cast<int>(bytes[2 + i]);
    EXPECT_EQ(out[i], static_cast<float>(pair % 16 - 8) * 0.333251953125f);
    EXPECT_EQ(out[i + 16], static_cast<float>(pair / 16 - 8) * 0.333251953125f);
  }
  EXPECT_EQ(out[0], 0.0f);  // 200 = 0xc8
  EXPECT_EQ(out[16], 4 * 0.333251953125f);
}

TEST(DequantizeTest, RoundsTheProductOfQ41BeforeItAddsTheMinimum) {
  const auto bytes = block({0x3c01, kMinusTenth}, 16);  // scale 1.0009765625
  const auto out = numbers(BlockType::q4_1, bytes, 32);
  for (size_t i = 0; i < 16; ++i) {
    const volatile float product =
        static_cast<float>(static_cast<int>(bytes[4 + i]) % 16) * 1.0009765625f;
    EXPECT_EQ(out[i], product + -0.0999755859375f);
  }
  EXPECT_EQ(out[16], 12 * 1.0009765625f - 0.0999755859375f);
}

// What ggml's dequantize_row_q4_K and dequantize_row_q6_K make of these bytes.
TEST(DequantizeTest, ReadsKBlocksAsTheirInventorDoes) {
  using Found = std::vector<std::pair<size_t, float>>;
  const auto q4_k = numbers(BlockType::q4_k, k_block(144, {{0, kThird}, {2, kMinusTenth}}), 256);
  for (const auto& [i, value] : Found{{0, 0x1.3dcap+6f},
                                      {1, 0x1.f869p+6f},
                                      {63, 0x1.4652p+2f},
                                      {100, 0x1.1c328p+4f},
                                      {127, 0x1.c317p+3f},
                                      {160, 0x1.1544p+6f},
                                      {255, 0x1.e847ep+6f}})
    EXPECT_EQ(q4_k[i], value) << i;
  EXPECT_EQ(std::accumulate(q4_k.begin(), q4_k.end(), 0.0), 19756.2421875);
  const auto q6_k = numbers(BlockType::q6_k, k_block(210, {{208, kThird}}), 256);
  for (const auto& [i, value] : Found{{0, 0x1.dfe2p+9f},
                                      {31, -0x1.06c4e8p+9f},
                                      {63, 0x1.5bea4p+6f},
                                      {100, 0x1.076f88p+10f},
                                      {160, -0x1.ffep+3f},
                                      {255, 0x1.673eep+8f}})
    EXPECT_EQ(q6_k[i], value) << i;
  EXPECT_EQ(std::accumulate(q6_k.begin(), q6_k.end(), 0.0), -242.607421875);
}

TEST(DequantizeTest, ReadsBlockAfterBlock) {
  auto bytes = block({kThird}, 32);
  const auto second = block({kSmallest}, 32);
  bytes.insert(bytes.end(), second.begin(), second.end());
  EXPECT_EQ(numbers(BlockType::q8_0, bytes, 64)[32], std::ldexp(-56.0f, -24));
}

TEST(DequantizeTest, WidensEveryHalfAsTheReferenceDoes) {
  std::vector<uint16_t> halves(65536);
  std::iota(halves.begin(), halves.end(), 0);
  const auto out = numbers(BlockType::f16, block(halves, 0), halves.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    const float expected = half_to_float(halves[i]);
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(out[i]));
    else
      ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(expected)) << i;
  }
}

TEST(DequantizeTest, WidensBf16AndCopiesF32) {
  EXPECT_EQ(numbers(BlockType::bf16, block({0x3fc0, 0xc2f7}, 0), 2), (std::vector{1.5f, -123.5f}));
  EXPECT_EQ(numbers(BlockType::f32, block({0x0000, 0x3fc0}, 0), 1), std::vector{1.5f});
}

TEST(DequantizeTest, RefusesSizesThatDisagree) {
  EXPECT_THROW(numbers(BlockType::q8_0, block({kThird}, 31), 32), Error);
  EXPECT_THROW(numbers(BlockType::q8_0, block({kThird}, 32), 31), Error);
  EXPECT_THROW(numbers(BlockType::f16, block({kThird}, 0), 2), Error);
}

}  // namespace
}  // namespace troupe
