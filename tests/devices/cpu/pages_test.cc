#include "devices/cpu/pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace troupe {
namespace {

uintptr_t address_of(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory);
}

TEST(PagesTest, MappedPagesBeginAtAHugePageAndAreZero) {
  void* pages = map_pages(2 * kHugePage);
  EXPECT_EQ(address_of(pages) % kHugePage, 0u);
  EXPECT_EQ(static_cast<char*>(pages)[2 * kHugePage - 1], 0);
  unmap_pages(pages, 2 * kHugePage);
}

constexpr auto kClass = MemoryClass::gradients;

TEST(PagesTest, PiecesLieSideBySideAndApart) {
  void *first = take_piece(100, kClass), *second = take_piece(5000, kClass),
       *third = take_piece(64, kClass);
  EXPECT_EQ(address_of(first) % 64, 0u);
  EXPECT_EQ(address_of(second), address_of(first) + 128);
  EXPECT_EQ(address_of(third), address_of(second) + 5056);
  for (void* piece : {second, third, first}) give_piece(piece, kClass);
}

TEST(PagesTest, WhatIsGivenBackIsTakenAgainTogetherWithWhatLiesBesideIt) {
  std::vector<void*> pieces;
  for (int i = 0; i < 5; ++i) pieces.push_back(take_piece(kHugePage, kClass));
  for (int i : {1, 3, 2}) give_piece(pieces[i], kClass);
  void* large = take_piece(2 * kHugePage + 64, kClass);
  void* rest = take_piece(kHugePage - 64, kClass);
  EXPECT_EQ(large, pieces[1]);
  EXPECT_EQ(address_of(rest), address_of(large) + 2 * kHugePage + 64);
  for (void* piece : {large, pieces[0], rest, pieces[4]}) give_piece(piece, kClass);
}

// Pieces of several chunks, given back in another order: each keeps what was written to it.
TEST(PagesTest, PiecesKeepTheirContentsWhateverElseIsGivenBackAndTaken) {
  constexpr size_t kSize = size_t{5} << 20;
  constexpr int kCount = 30;
  std::vector<void*> pieces;
  const auto write = [](void* piece, int i) { std::memset(piece, i, kSize); };
  for (int i = 0; i < kCount; ++i) write(pieces.emplace_back(take_piece(kSize, kClass)), i);
  for (int i = 0; i < kCount; i += 2) give_piece(pieces[i], kClass);
  for (int i = 0; i < kCount; i += 4) write(pieces[i] = take_piece(kSize, kClass), i);
  for (int i = 0; i < kCount; ++i) {
    if (i % 4 == 2) continue;
    const auto* bytes = static_cast<const uint8_t*>(pieces[i]);
    EXPECT_EQ(bytes[0], i);
    EXPECT_EQ(std::memcmp(bytes, bytes + 1, kSize - 1), 0) << i;
    give_piece(pieces[i], kClass);
  }
}

}  // namespace
}  // namespace troupe
