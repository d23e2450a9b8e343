#include "devices/cpu/shared_steps.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <sstream>

#include "base/error.h"
#include "devices/cpu/pages.h"

namespace troupe {
namespace {

// Some 3 us: where ranks outnumber idle cores, who spins keeps the others from what it waits for.
constexpr int kSpins = 300;
constexpr uint64_t kSlots = SharedSteps::kSlots;

constexpr auto kLookAround = std::chrono::milliseconds(500);  // a death rings no bell

enum State : uint32_t { kNotYet, kHere, kLeft };

struct alignas(64) Member {
  std::atomic<uint32_t> state;
  std::atomic<uint64_t> finished;  // steps
  std::atomic<uint64_t> sequence;  // of its last call
  std::array<CollectiveCall, kSlots> calls;
};

using Clock = std::chrono::steady_clock;

void sleep_on(const std::atomic<uint32_t>& word, uint32_t seen, Clock::duration at_most) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(at_most).count();
  const timespec time = {ns / 1'000'000'000, ns % 1'000'000'000};
  syscall(SYS_futex, &word, FUTEX_WAIT, seen, &time, nullptr,
          0);  // may return for no reason
}

void wake_all(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace

struct SharedSteps::Segment {
  uint32_t size;
  std::atomic<uint32_t> num_joined;
  uint64_t slot_bytes;
  alignas(64) std::atomic<uint64_t> done;                       // steps that all have finished
  std::atomic<uint32_t> bell, sleepers;                         // rung when there is news
  alignas(64) std::array<std::atomic<uint64_t>, kLag> arrived;  // by step % kLag
  std::array<Member, kMaxRanks> members;
};

SharedSteps::SharedSteps(const std::string& path, const GroupMember& self, size_t slot_bytes,
                         const WaitOptions& options)
    : self_(self),
      options_(options),
      slot_bytes_(round_up(slot_bytes, 64)),
      mapping_(path, sizeof(Segment) + static_cast<size_t>(self.size) * kSlots * slot_bytes_,
               [this](SharedMapping& mapping) { return join(mapping); }),
      segment_(*static_cast<Segment*>(mapping_.data())) {}

SharedSteps::~SharedSteps() {
  leave();
  if (static_cast<int>(segment_.num_joined) < self_.size) mapping_.remove_name();
}

bool SharedSteps::join(SharedMapping& mapping) const {
  const auto& [group, rank, size] = self_;
  CHECK(size >= 1 && size <= kMaxRanks, size, kMaxRanks, group);
  CHECK(rank >= 0 && rank < size, rank, size, group);
  auto& segment = *static_cast<Segment*>(mapping.data());
  bool is_anyone_there = false;
  for (int other = 0; other < kMaxRanks; ++other) is_anyone_there |= mapping.is_claimed(other);
  if (!is_anyone_there) {
    std::memset(mapping.data(), 0, sizeof(Segment));
    segment.size = static_cast<uint32_t>(size);
    segment.slot_bytes = slot_bytes_;
  }
  CHECK(static_cast<int>(segment.size) == size, segment.size, size, group);
  CHECK(segment.slot_bytes == slot_bytes_, segment.slot_bytes, slot_bytes_, group);
  Member& member = segment.members[static_cast<size_t>(rank)];
  const bool is_first_of_rank = member.state == kNotYet && mapping.claim(rank);
  CHECK(is_first_of_rank, rank, group);
  member.state = kHere;
  return ++segment.num_joined == segment.size;
}

void SharedSteps::announce(const CollectiveCall& call) {
  Member& member = segment_.members[static_cast<size_t>(self_.rank)];
  const bool has_failed_before = member.state == kLeft;
  CHECK(!has_failed_before, self_.group, self_.rank, describe(call));
  call_ = call;
  member.sequence = call.sequence;
}

void SharedSteps::begin() {
  for (int i = 0; i < kSpins && !is_due(); ++i) __builtin_ia32_pause();
  if (!is_due()) {
    if (options_.before_wait) options_.before_wait();
    const bool is_well = sleep();
    if (options_.after_wait) options_.after_wait();
    if (!is_well) fail();
  }
  segment_.members[static_cast<size_t>(self_.rank)].calls[step_ % kSlots] = call_;
}

void SharedSteps::finish() {
  segment_.members[static_cast<size_t>(self_.rank)].finished = step_ + 1;
  const uint64_t all = segment_.size * (step_ / kLag + 1);
  if (++segment_.arrived[step_ % kLag] == all) {
    ++segment_.done;
    ring();
  }
  ++step_;
}

void SharedSteps::leave() {
  segment_.members[static_cast<size_t>(self_.rank)].state = kLeft;
  ring();
}

// Who goes to sleep says so before looking at the bell, so either sees the other.
void SharedSteps::ring() const {
  ++segment_.bell;
  if (segment_.sleepers > 0) wake_all(segment_.bell);
}

// Whether what was waited for came.
bool SharedSteps::sleep() {
  const auto end = Clock::now() + options_.deadline;
  ++segment_.sleepers;
  bool is_well = true;
  for (;;) {
    const uint32_t seen = segment_.bell;
    if (is_due()) break;
    const auto now = Clock::now();
    is_well = now < end && !waits_for_nobody();
    if (!is_well) break;
    sleep_on(segment_.bell, seen, std::min<Clock::duration>(end - now, kLookAround));
  }
  --segment_.sleepers;
  return is_well;
}

bool SharedSteps::is_due() const {
  return step_ < kLag || segment_.done.load(std::memory_order_acquire) > step_ - kLag;
}

bool SharedSteps::is_missing(int rank) const {
  return segment_.members[static_cast<size_t>(rank)].finished <= step_ - kLag;
}

// It has left or died, so that it will not come.
bool SharedSteps::is_gone(int rank) const {
  const uint32_t state = segment_.members[static_cast<size_t>(rank)].state;
  const bool is_self = rank == self_.rank;
  return state == kLeft || (state == kHere && !is_self && !mapping_.is_claimed(rank));
}

bool SharedSteps::waits_for_nobody() const {
  for (int rank = 0; rank < self_.size; ++rank)
    if (is_missing(rank) && is_gone(rank)) return true;
  return false;
}

std::string SharedSteps::missing() const {
  std::ostringstream out;
  for (int rank = 0; rank < self_.size; ++rank) {
    if (!is_missing(rank)) continue;
    const Member& member = segment_.members[static_cast<size_t>(rank)];
    out << (out.tellp() == 0 ? "" : ", ") << "rank " << rank;
    if (member.state == kNotYet) out << " (has not come)";
    if (member.state == kLeft) out << " (has left)";
    if (member.state == kHere)
      out << (is_gone(rank) ? " (has died at call " : " (is at call ") << member.sequence << ')';
  }
  return out.str();
}

void SharedSteps::fail() const {
  std::ostringstream out;
  out << "group \"" << self_.group << "\", " << describe(call_) << ": rank " << self_.rank
      << " waited " << options_.deadline.count() << " ms at most for " << missing();
  throw Error(out.str());
}

std::byte* SharedSteps::slot(int rank, uint64_t step) const {
  auto* slots = static_cast<std::byte*>(mapping_.data()) + sizeof(Segment);
  return slots + (static_cast<size_t>(rank) * kSlots + step % kSlots) * slot_bytes_;
}

std::byte* SharedSteps::own_slot() const {
  return slot(self_.rank, step_);
}

const std::byte* SharedSteps::slot_of(int rank) const {
  return slot(rank, step_ - kLag);
}

CollectiveCall SharedSteps::call_of(int rank) const {
  return segment_.members[static_cast<size_t>(rank)].calls[(step_ - kLag) % kSlots];
}

}  // namespace troupe
