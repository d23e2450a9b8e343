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

TEST(PagesTest, PiecesLieSideBySideAndApart) {
  void *first = take_piece(100), *second = take_piece(5000), *third = take_piece(64);
  EXPECT_EQ(address_of(first) % 64, 0u);
  EXPECT_EQ(address_of(second), address_of(first) + 128);
  EXPECT_EQ(address_of(third), address_of(second) + 5056);
  for (void* piece : {second, third, first}) give_piece(piece);
}

// Pieces of several chunks, given back in another order: each keeps what was written to it.
TEST(PagesTest, PiecesKeepTheirContentsWhateverElseIsGivenBack) {
  constexpr size_t kSize = size_t{1} << 20;
  std::vector<void*> pieces;
  for (int i = 0; i < 50; ++i) {
    pieces.push_back(take_piece(kSize));
    std::memset(pieces.back(), i, kSize);
  }
  for (int i = 0; i < 50; i += 2) give_piece(pieces[i]);
  for (int i = 1; i < 50; i += 2) {
    const auto* bytes = static_cast<const uint8_t*>(pieces[i]);
    EXPECT_EQ(bytes[0], i);
    EXPECT_EQ(std::memcmp(bytes, bytes + 1, kSize - 1), 0) << i;
    give_piece(pieces[i]);
  }
}

}  // namespace
}  // namespace troupe
