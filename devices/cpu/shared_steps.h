// Memory that the ranks of a group on one host share, and the steps that they take together in it.
// In a step each rank writes its own slot, and reads what the others wrote kLag steps ago; a step
// begins once everyone has finished the one kLag before it. Nothing is locked, so a rank that is
// killed leaves nothing held.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/collective_call.h"
#include "devices/cpu/shared_mapping.h"

namespace troupe {

class SharedSteps {
 public:
  static constexpr uint64_t kLag = 2;
  static constexpr uint64_t kSlots = 2 * kLag;  // of each rank
  static constexpr int kMaxRanks = 64;

  // Does not wait for anyone. Throws an Error if the rank has come before, or if others who mapped
  // the file at `path` mean another group. A file of which all have died is taken as new.
  SharedSteps(const std::string& path, const GroupMember& self, size_t slot_bytes,
              const WaitOptions& options);
  ~SharedSteps();
  SharedSteps(const SharedSteps&) = delete;
  SharedSteps& operator=(const SharedSteps&) = delete;

  void announce(const CollectiveCall& call);  // what the steps from this one on belong to
  // Returns when everyone has finished the step kLag before this one, or throws an Error that says
  // who has not.
  void begin();
  void finish();
  void leave();  // nobody shall wait for this rank

  std::byte* own_slot() const;               // to write in this step
  const std::byte* slot_of(int rank) const;  // what that rank wrote kLag steps ago
  CollectiveCall call_of(int rank) const;    // what it announced kLag steps ago

 private:
  struct Segment;

  bool join(SharedMapping& mapping) const;
  bool is_due() const;
  bool is_missing(int rank) const;
  bool is_gone(int rank) const;
  bool waits_for_nobody() const;
  bool sleep();
  void ring() const;
  [[noreturn]] void fail() const;
  std::string missing() const;
  std::byte* slot(int rank, uint64_t step) const;

  GroupMember self_;
  WaitOptions options_;
  size_t slot_bytes_;
  SharedMapping mapping_;
  Segment& segment_;
  CollectiveCall call_;
  uint64_t step_ = 0;
};

}  // namespace troupe
