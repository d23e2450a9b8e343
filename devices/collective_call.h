// What one rank says of a call that it makes to its group, so that ranks whose calls disagree are
// told apart and nobody adds what does not belong together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "devices/communicator.h"

namespace troupe {

struct GroupMember {
  std::string group;  // the same text at all members; it is in every error
  int rank = 0, size = 1;
};

struct WaitOptions {
  std::chrono::milliseconds deadline = std::chrono::seconds(60);  // for others to do their next bit
  // Around a wait that lets go of the CPU: a lease on a core is given back and taken again.
  std::function<void()> before_wait, after_wait;
};

enum class CollectiveOp : uint32_t {
  barrier,
  all_reduce,
  reduce_scatter,
  all_gather,
  all_to_all,
  broadcast
};

struct CollectiveCall {
  uint64_t sequence = 0;  // of the group's calls, from 1
  CollectiveOp op = CollectiveOp::barrier;
  uint32_t element_bytes = 1;  // 1: bytes, 4: f32, 8: f64
  int64_t count = 0;           // elements
  uint64_t borders = 0;        // hash of what shares are cut at
  int32_t root = 0;
  Presence presence = Presence::present;  // each rank's own: may differ

  bool agrees_with(const CollectiveCall& other) const;
};

// "call 17, all_reduce of 4096 f32".
std::string describe(const CollectiveCall& call);

// Throws an Error with every rank's call if they disagree.
void check_agreement(const GroupMember& self, std::span<const CollectiveCall> of_ranks);

// Throws an Error if `borders` do not cut `count` elements into a share for each member, or rank's
// share has not `own` elements.
void check_borders(const GroupMember& self, std::span<const int64_t> borders, int64_t count,
                   int64_t own);

uint64_t hash_of(std::span<const int64_t> borders);

// Of `count` bytes to all members and as many from them, in equal parts; throws an Error if there
// are no such parts.
std::vector<int64_t> equal_borders(const GroupMember& self, int64_t to_all, int64_t from_all);

// Shares of about the same size, cut at whole cache lines.
std::vector<int64_t> even_borders(int64_t count, int64_t element_bytes, int size);

}  // namespace troupe
