#include "devices/cpu/shared_memory_group.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/counter_tree.h"
#include "base/error.h"

namespace troupe {
namespace {

constexpr int64_t kChunk = 256 << 10;  // bytes of a member's input in a round
constexpr int64_t kHeader = 4096;
constexpr int kMostMembers = 64, kSpins = 2000;
constexpr int64_t kBlock = 1024;  // elements that are summed together

constexpr const char* kCallNames[] = {"all_reduce of floats", "all_reduce of doubles",
                                      "reduce_scatter",       "all_gather",
                                      "all_to_all",           "broadcast",
                                      "barrier"};

long futex(std::atomic<uint32_t>& word, int op, uint32_t value, const timespec* limit) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), op, value, limit, nullptr, 0);
}

template <class T>
__attribute__((optimize("O3"), target_clones("avx512f", "avx2", "default"))) void add_onto(
    T* sums, const T* addends, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sums[i] = sums[i] + addends[i];
}

}  // namespace

enum class SharedMemoryGroup::Call : uint32_t {
  all_reduce_floats,
  all_reduce_doubles,
  reduce_scatter,
  all_gather,
  all_to_all,
  broadcast,
  barrier
};

// A member's own line: how often it has come to a meeting, and what for.
struct alignas(64) SharedMemoryGroup::Slot {
  std::atomic<uint32_t> count, waiters;
  uint32_t call;
  uint32_t present;
  int64_t num_bytes;
};

// Zero is where everything begins, so that nobody has to make it ready.
struct SharedMemoryGroup::Segment {
  std::atomic<int32_t> num_members;
  Slot slots[kMostMembers - 1];
};

SharedMemoryGroup::SharedMemoryGroup(SharedMemoryGroupOptions options)
    : options_(std::move(options)), path_(options_.folder + "/" + options_.name) {
  CHECK(size() >= 1 && size() < kMostMembers && rank() >= 0 && rank() < size(), group(), rank(),
        size());
  static_assert(sizeof(Segment) <= kHeader);
  segment_bytes_ = static_cast<size_t>(kHeader + size() * 4 * kChunk);
  const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::string reason = std::strerror(errno);
  CHECK(file >= 0, group(), path_, reason);
  const bool sized = ftruncate(file, static_cast<off_t>(segment_bytes_)) == 0;
  void* memory = mmap(nullptr, segment_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  reason = std::strerror(errno);
  close(file);
  CHECK(sized && memory != MAP_FAILED, group(), path_, segment_bytes_, reason);
  segment_ = static_cast<Segment*>(memory);
  if (segment_->num_members.fetch_add(1) + 1 == size()) unlink(path_.c_str());
}

SharedMemoryGroup::~SharedMemoryGroup() {
  if (segment_->num_members < size()) unlink(path_.c_str());
  munmap(segment_, segment_bytes_);
}

SharedMemoryGroup::Slot& SharedMemoryGroup::slot(int rank) const {
  return segment_->slots[rank];
}

// Of each member: two inputs and two results, which rounds take in turn.
std::byte* SharedMemoryGroup::input(int rank, int64_t round) const {
  return reinterpret_cast<std::byte*>(segment_) + kHeader + (rank * 4 + round % 2) * kChunk;
}

std::byte* SharedMemoryGroup::result(int rank, int64_t round) const {
  return input(rank, round) + 2 * kChunk;
}

std::string SharedMemoryGroup::missing(uint32_t count) const {
  std::string ranks;
  for (int other = 0; other < size(); ++other)
    if (static_cast<int32_t>(slot(other).count - count) < 0)
      ranks += (ranks.empty() ? "" : ", ") + std::to_string(other);
  return ranks;
}

void SharedMemoryGroup::wait_for(int rank, uint32_t count) {
  auto& word = slot(rank).count;
  const auto is_there = [&] { return static_cast<int32_t>(word.load() - count) >= 0; };
  for (int spin = 0; spin < kSpins; ++spin) {
    if (is_there()) return;
    __builtin_ia32_pause();
  }
  if (options_.before_wait) options_.before_wait();
  const auto until = std::chrono::steady_clock::now() + options_.deadline;
  bool arrived = is_there();
  while (!arrived && std::chrono::steady_clock::now() < until) {
    constexpr timespec kStep = {0, 100'000'000};
    ++slot(rank).waiters;
    const uint32_t seen = word.load();
    if (static_cast<int32_t>(seen - count) < 0) futex(word, FUTEX_WAIT, seen, &kStep);
    --slot(rank).waiters;
    arrived = is_there();
  }
  if (options_.after_wait) options_.after_wait();
  if (arrived) return;
  throw Error(group() + ": call " + std::to_string(sequence_) + " (" + call_name_ + ") of rank " +
              std::to_string(this->rank()) + " of " + std::to_string(size()) +
              ": no sign of rank " + missing(count) + " within " +
              std::to_string(options_.deadline.count()) + " ms");
}

// All that a member wrote before is seen by whoever has met it.
void SharedMemoryGroup::meet() {
  auto& own = slot(rank());
  own.count.store(++count_);
  if (own.waiters.load() > 0) futex(own.count, FUTEX_WAKE, INT_MAX, nullptr);
  for (int other = 0; other < size(); ++other)
    if (other != rank()) wait_for(other, count_);
}

// Whether anyone is present.
bool SharedMemoryGroup::begin(Call call, int64_t num_bytes, Presence presence) {
  ++sequence_;
  call_name_ = kCallNames[static_cast<uint32_t>(call)];
  auto& own = slot(rank());
  own.call = static_cast<uint32_t>(call);
  own.present = presence == Presence::present;
  own.num_bytes = num_bytes;
  meet();
  present_.assign(static_cast<size_t>(size()), false);
  for (int other = 0; other < size(); ++other) {
    const auto& theirs = slot(other);
    if (theirs.call != own.call || theirs.num_bytes != num_bytes)
      throw Error(group() + ": call " + std::to_string(sequence_) + " is " + call_name_ + " of " +
                  std::to_string(num_bytes) + " bytes at rank " + std::to_string(rank()) +
                  " and " + kCallNames[theirs.call] + " of " + std::to_string(theirs.num_bytes) +
                  " bytes at rank " + std::to_string(other));
    present_[other] = theirs.present != 0;
  }
  meet();  // slots may be written again
  return std::ranges::find(present_, true) != present_.end();
}

// This member's share of a round's elements.
template <class T>
void SharedMemoryGroup::sum_share(int64_t count, int64_t round) const {
  const int64_t first = count * rank() / size(), end = count * (rank() + 1) / size();
  auto* sums = reinterpret_cast<T*>(result(rank(), round));
  static thread_local std::vector<T> blocks;
  blocks.resize(static_cast<size_t>(size()) * kBlock);
  const auto sum = [&](int a, int b) {
    add_onto(&blocks[a * kBlock], &blocks[b * kBlock], kBlock);
    return a;
  };
  for (int64_t at = first; at < end; at += kBlock) {
    const int64_t length = std::min(kBlock, end - at);
    CounterTree<int> tree;
    for (int other = 0; other < size(); ++other) {
      if (!present_[other]) {
        tree.skip(sum);
        continue;
      }
      std::memcpy(&blocks[other * kBlock], reinterpret_cast<T*>(input(other, round)) + at,
                  length * sizeof(T));
      tree.add(other, sum);
    }
    std::memcpy(sums + at, &blocks[tree.total(sum) * kBlock], length * sizeof(T));
  }
}

// Between two meetings a member sums its share of round k, takes round k - 1's sums and gives its
// elements of round k + 1.
template <class T>
bool SharedMemoryGroup::reduce(std::span<const T> values, T* sums, int64_t first, int64_t end,
                               Presence presence) {
  constexpr int64_t kElements = kChunk / static_cast<int64_t>(sizeof(T));
  const int64_t rounds = (std::ssize(values) + kElements - 1) / kElements;
  const bool gives = presence == Presence::present;
  const auto length = [&](int64_t round) {
    return std::min(kElements, std::ssize(values) - round * kElements);
  };
  const auto give = [&](int64_t round) {
    if (!gives || round >= rounds) return;
    std::memcpy(input(rank(), round), &values[round * kElements], length(round) * sizeof(T));
    bytes_sent_ += length(round) * static_cast<int64_t>(sizeof(T)) * (size() - 1) / size();
  };
  const auto take = [&](int64_t round) {
    for (int other = 0; other < size(); ++other) {
      const int64_t base = round * kElements, count = length(round);
      const int64_t from = std::max(first, base + count * other / size());
      const int64_t to = std::min(end, base + count * (other + 1) / size());
      if (from < to)
        std::memcpy(sums + from - first, reinterpret_cast<T*>(result(other, round)) + from - base,
                    (to - from) * sizeof(T));
    }
  };
  give(0);
  for (int64_t round = 0; round <= rounds; ++round) {
    meet();
    if (round < rounds) sum_share<T>(length(round), round);
    give(round + 1);
    if (round > 0) take(round - 1);
  }
  return true;
}

bool SharedMemoryGroup::all_reduce(std::span<float> values, Presence presence) {
  if (!begin(Call::all_reduce_floats, std::ssize(values) * 4, presence)) return false;
  return reduce<float>(values, values.data(), 0, std::ssize(values), presence);
}

bool SharedMemoryGroup::all_reduce(std::span<double> values, Presence presence) {
  if (!begin(Call::all_reduce_doubles, std::ssize(values) * 8, presence)) return false;
  return reduce<double>(values, values.data(), 0, std::ssize(values), presence);
}

bool SharedMemoryGroup::reduce_scatter(std::span<const float> values,
                                       std::span<const int64_t> borders, std::span<float> own,
                                       Presence presence) {
  CHECK(std::ssize(borders) == size() + 1 && borders.back() == std::ssize(values), group(),
        borders.size(), values.size());
  if (!begin(Call::reduce_scatter, std::ssize(values) * 4, presence)) return false;
  const int64_t first = borders[rank()], end = borders[rank() + 1];
  CHECK(std::ssize(own) == end - first, group(), own.size(), first, end);
  return reduce<float>(values, own.data(), first, end, presence);
}

// Everyone's bytes pass, a chunk a round; `most` is what the one that has most of them gives.
void SharedMemoryGroup::exchange(
    std::span<const std::byte> own, int64_t most,
    const std::function<void(int rank, int64_t at, std::span<const std::byte>)>& take) {
  for (int64_t at = 0, round = 0; at < most; at += kChunk, ++round) {
    const auto part = own.subspan(std::min<size_t>(at, own.size()));
    const auto count = std::min<size_t>(part.size(), kChunk);
    if (count > 0) std::memcpy(input(rank(), round), part.data(), count);
    bytes_sent_ += static_cast<int64_t>(count) * (size() - 1);
    meet();
    for (int other = 0; other < size(); ++other)
      take(other, at, {input(other, round), static_cast<size_t>(kChunk)});
  }
  meet();  // all have read what the next call writes over
}

void SharedMemoryGroup::all_gather(std::span<const std::byte> own,
                                   std::span<const int64_t> borders, std::span<std::byte> all) {
  CHECK(std::ssize(borders) == size() + 1 && borders.back() == std::ssize(all), group(),
        borders.size(), all.size());
  CHECK(std::ssize(own) == borders[rank() + 1] - borders[rank()], group(), own.size(), rank());
  begin(Call::all_gather, std::ssize(all), Presence::present);
  int64_t most = 0;
  for (int other = 0; other < size(); ++other)
    most = std::max(most, borders[other + 1] - borders[other]);
  exchange(own, most, [&](int other, int64_t at, std::span<const std::byte> chunk) {
    const int64_t left = borders[other + 1] - borders[other] - at;
    std::byte* const to = all.data() + borders[other] + at;
    if (left > 0 && to != own.data() + at)
      std::memcpy(to, chunk.data(), std::min<int64_t>(left, kChunk));
  });
}

void SharedMemoryGroup::all_to_all(std::span<const std::byte> to_all,
                                   std::span<std::byte> from_all) {
  CHECK(to_all.size() == from_all.size() && to_all.size() % size() == 0, group(), to_all.size(),
        from_all.size());
  begin(Call::all_to_all, std::ssize(to_all), Presence::present);
  const int64_t part = std::ssize(to_all) / size(), first = rank() * part;
  exchange(to_all, std::ssize(to_all), [&](int other, int64_t at, std::span<const std::byte> chunk) {
    const int64_t from = std::max(first, at), to = std::min(first + part, at + kChunk);
    if (from < to)
      std::memcpy(from_all.data() + other * part + from - first, chunk.data() + from - at,
                  to - from);
  });
}

void SharedMemoryGroup::broadcast(std::span<std::byte> values, int root) {
  CHECK(root >= 0 && root < size(), group(), root, size());
  begin(Call::broadcast, std::ssize(values), Presence::present);
  const auto own = rank() == root ? std::span<const std::byte>(values) : std::span<const std::byte>();
  exchange(own, std::ssize(values), [&](int other, int64_t at, std::span<const std::byte> chunk) {
    if (other == root && rank() != root)
      std::memcpy(values.data() + at, chunk.data(), std::min<int64_t>(std::ssize(values) - at, kChunk));
  });
}

void SharedMemoryGroup::barrier() {
  begin(Call::barrier, 0, Presence::present);
}

}  // namespace troupe
