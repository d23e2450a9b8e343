#include "devices/collective_call.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"

namespace troupe {
namespace {

constexpr const char* kNames[] = {"barrier",    "all_reduce", "reduce_scatter",
                                  "all_gather", "all_to_all", "broadcast"};

std::string name_of(CollectiveOp op) {
  const auto index = static_cast<size_t>(op);
  return index < std::size(kNames) ? kNames[index] : "op " + std::to_string(index);
}

const char* element_name(uint32_t bytes) {
  return bytes == sizeof(float) ? "f32" : bytes == sizeof(double) ? "f64" : "bytes";
}

}  // namespace

bool CollectiveCall::agrees_with(const CollectiveCall& other) const {
  return sequence == other.sequence && op == other.op && element_bytes == other.element_bytes &&
         count == other.count && borders == other.borders && root == other.root;
}

std::string describe(const CollectiveCall& call) {
  std::ostringstream out;
  out << "call " << call.sequence << ", " << name_of(call.op);
  if (call.op == CollectiveOp::barrier) return out.str();
  out << " of " << call.count << ' ' << element_name(call.element_bytes);
  if (call.op == CollectiveOp::broadcast) out << " from rank " << call.root;
  if (call.borders != 0) out << ", cut by borders of hash " << std::hex << call.borders;
  return out.str();
}

void check_agreement(const GroupMember& self, std::span<const CollectiveCall> of_ranks) {
  const auto& mine = of_ranks[static_cast<size_t>(self.rank)];
  if (std::ranges::all_of(of_ranks, [&](const auto& call) { return call.agrees_with(mine); }))
    return;
  std::ostringstream out;
  out << "the ranks of group \"" << self.group << "\" make different calls:";
  for (size_t rank = 0; rank < of_ranks.size(); ++rank)
    out << (rank == 0 ? "" : ";") << " rank " << rank << ": " << describe(of_ranks[rank]);
  throw Error(out.str());
}

void check_borders(const GroupMember& self, std::span<const int64_t> borders, int64_t count,
                   int64_t own) {
  CHECK(std::ssize(borders) == self.size + 1, borders.size(), self.size, self.group);
  CHECK(borders.front() == 0, borders.front(), self.group);
  CHECK(borders.back() == count, borders.back(), count, self.group);
  for (size_t rank = 0; rank + 1 < borders.size(); ++rank)
    CHECK(borders[rank] <= borders[rank + 1], rank, borders[rank], borders[rank + 1], self.group);
  const auto rank = static_cast<size_t>(self.rank);
  const int64_t share = borders[rank + 1] - borders[rank];
  CHECK(own == share, own, share, self.rank, self.group);
}

uint64_t hash_of(std::span<const int64_t> borders) {
  return xxh3(std::as_bytes(borders));
}

std::vector<int64_t> equal_borders(const GroupMember& self, int64_t to_all, int64_t from_all) {
  CHECK(to_all == from_all && to_all % self.size == 0, to_all, from_all, self.size, self.group);
  std::vector<int64_t> borders;
  for (int rank = 0; rank <= self.size; ++rank) borders.push_back(to_all / self.size * rank);
  return borders;
}

std::vector<int64_t> even_borders(int64_t count, int64_t element_bytes, int size) {
  const int64_t line = 64 / element_bytes;
  const int64_t each = (count + size * line - 1) / (size * line) * line;
  std::vector<int64_t> borders;
  for (int rank = 0; rank <= size; ++rank) borders.push_back(std::min(rank * each, count));
  return borders;
}

}  // namespace troupe
