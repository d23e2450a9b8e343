#include "devices/cpu/shared_memory_group.h"

#include <algorithm>

#include "base/error.h"
#include "devices/cpu/pages.h"

namespace troupe {
namespace {

// What a rank writes in a step; a few of them stay in a second-level cache.
constexpr size_t kChunkBytes = size_t{128} << 10;

size_t piece_bytes(int size) {
  CHECK(size >= 1, size);
  return round_up(kChunkBytes / static_cast<size_t>(size), 64);
}

}  // namespace

SharedMemoryGroup::SharedMemoryGroup(const SharedMemoryGroupOptions& options)
    : self_{options.group, options.rank, options.size},
      piece_bytes_(piece_bytes(options.size)),
      counted_(MemoryClass::communication, bytes_of_rank(options.size)),
      steps_(options.folder + '/' + options.name, self_,
             piece_bytes_ * (static_cast<size_t>(options.size) + 1),
             {options.deadline, options.before_wait, options.after_wait}) {}

int64_t SharedMemoryGroup::bytes_of_rank(int size) {
  return static_cast<int64_t>(SharedSteps::kSlots * piece_bytes(size)) * (size + 1);
}

void SharedMemoryGroup::run(CollectiveCall call, int64_t num_chunks,
                            std::span<const Phase> phases) {
  constexpr int64_t kLag = SharedSteps::kLag;
  call.sequence = ++num_calls_;
  const int64_t last = num_chunks == 0 ? 0 : num_chunks - 1 + kLag * (std::ssize(phases) - 1);
  try {
    steps_.announce(call);
    for (int64_t step = 0; step <= std::max(last, kLag); ++step) {
      steps_.begin();
      if (step == kLag) check_calls();
      for (int64_t phase = 0; phase < std::ssize(phases); ++phase) {
        const int64_t chunk = step - phase * kLag;
        if (chunk >= 0 && chunk < num_chunks) phases[static_cast<size_t>(phase)](chunk);
      }
      steps_.finish();
    }
  } catch (...) {
    steps_.leave();
    throw;
  }
}

void SharedMemoryGroup::check_calls() {
  std::vector<CollectiveCall> calls;
  std::vector<Presence> presences;
  for (int rank = 0; rank < self_.size; ++rank) {
    calls.push_back(steps_.call_of(rank));
    presences.push_back(calls.back().presence);
  }
  check_agreement(self_, calls);
  sum_ = TreeSum(presences);
}

template <class T>
void SharedMemoryGroup::write(const T* values, int64_t count, int place) {
  auto* to = steps_.own_slot() + static_cast<size_t>(place) * piece_bytes_;
  std::copy_n(values, count, reinterpret_cast<T*>(to));
}

template <class T>
const T* SharedMemoryGroup::written_by(int rank, int place) const {
  const auto* from = steps_.slot_of(rank) + static_cast<size_t>(place) * piece_bytes_;
  return reinterpret_cast<const T*>(from);
}

template <class T>
void SharedMemoryGroup::send_pieces(const T* values, const Shares& shares, int64_t chunk) {
  for (int to = 0; to < self_.size; ++to) {
    if (to == self_.rank) continue;
    const auto [begin, count] = shares.of(to, chunk);
    write(values + begin, count, to);
    bytes_sent_ += count * static_cast<int64_t>(sizeof(T));
  }
}

template <class T>
void SharedMemoryGroup::show_piece(const T* piece, int64_t count, int place) {
  write(piece, count, place);
  bytes_sent_ += count * static_cast<int64_t>(sizeof(T)) * (self_.size - 1);
}

template <class T>
void SharedMemoryGroup::add_pieces(const T* values, const Shares& shares, int64_t chunk,
                                   T* own) const {
  const auto [begin, count] = shares.of(self_.rank, chunk);
  std::vector<const T*> addends;
  for (int from = 0; from < self_.size; ++from)
    addends.push_back(from == self_.rank ? values + begin : written_by<T>(from, self_.rank));
  sum_.apply<T>(addends, own + (begin - shares.begin(self_.rank)), count);
}

template <class T>
void SharedMemoryGroup::take_pieces(T* all, const Shares& shares, int64_t chunk, int place) const {
  for (int from = 0; from < self_.size; ++from) {
    if (from == self_.rank) continue;
    const auto [begin, count] = shares.of(from, chunk);
    std::copy_n(written_by<T>(from, place), count, all + begin);
  }
}

template <class T>
bool SharedMemoryGroup::all_reduce_of(std::span<T> values, Presence presence) {
  const auto borders = even_borders(std::ssize(values), sizeof(T), self_.size);
  const Shares shares{borders, static_cast<int64_t>(piece_bytes_ / sizeof(T))};
  T* own = values.data() + shares.begin(self_.rank);
  const Phase phases[] = {[&](int64_t chunk) {
                            if (presence == Presence::present)
                              send_pieces(values.data(), shares, chunk);
                          },
                          [&](int64_t chunk) {
                            if (sum_.is_empty()) return;
                            add_pieces(values.data(), shares, chunk, own);
                            const auto [begin, count] = shares.of(self_.rank, chunk);
                            show_piece(values.data() + begin, count, place_for_all());
                          },
                          [&](int64_t chunk) {
                            if (!sum_.is_empty())
                              take_pieces(values.data(), shares, chunk, place_for_all());
                          }};
  run({.op = CollectiveOp::all_reduce,
       .element_bytes = sizeof(T),
       .count = std::ssize(values),
       .presence = presence},
      shares.num_chunks(), phases);
  return !sum_.is_empty();
}

bool SharedMemoryGroup::all_reduce(std::span<float> values, Presence presence) {
  return all_reduce_of(values, presence);
}

bool SharedMemoryGroup::all_reduce(std::span<double> values, Presence presence) {
  return all_reduce_of(values, presence);
}

bool SharedMemoryGroup::reduce_scatter(std::span<const float> values,
                                       std::span<const int64_t> borders, std::span<float> own,
                                       Presence presence) {
  check_borders(self_, borders, std::ssize(values), std::ssize(own));
  const Shares shares{borders, static_cast<int64_t>(piece_bytes_ / sizeof(float))};
  const Phase phases[] = {
      [&](int64_t chunk) {
        if (presence == Presence::present) send_pieces(values.data(), shares, chunk);
      },
      [&](int64_t chunk) { add_pieces(values.data(), shares, chunk, own.data()); }};
  run({.op = CollectiveOp::reduce_scatter,
       .element_bytes = sizeof(float),
       .count = std::ssize(values),
       .borders = hash_of(borders),
       .presence = presence},
      shares.num_chunks(), phases);
  return !sum_.is_empty();
}

void SharedMemoryGroup::all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                                   std::span<std::byte> all) {
  check_borders(self_, borders, std::ssize(all), std::ssize(own));
  const Shares shares{borders, static_cast<int64_t>(piece_bytes_)};
  std::byte* own_part = all.data() + shares.begin(self_.rank);
  const Phase phases[] = {
      [&](int64_t chunk) {
        const auto [begin, count] = shares.of(self_.rank, chunk);
        const auto* piece = own.data() + (begin - shares.begin(self_.rank));
        show_piece(piece, count, place_for_all());
      },
      [&](int64_t chunk) { take_pieces(all.data(), shares, chunk, place_for_all()); }};
  if (own.data() != own_part) std::ranges::copy(own, own_part);
  run({.op = CollectiveOp::all_gather, .count = std::ssize(all), .borders = hash_of(borders)},
      shares.num_chunks(), phases);
}

void SharedMemoryGroup::all_to_all(std::span<const std::byte> to_all,
                                   std::span<std::byte> from_all) {
  const auto borders = equal_borders(self_, std::ssize(to_all), std::ssize(from_all));
  const Shares shares{borders, static_cast<int64_t>(piece_bytes_)};
  const Phase phases[] = {
      [&](int64_t chunk) { send_pieces(to_all.data(), shares, chunk); },
      [&](int64_t chunk) { take_pieces(from_all.data(), shares, chunk, self_.rank); }};
  const int64_t own = shares.begin(self_.rank);
  std::copy_n(to_all.data() + own, shares.count(self_.rank), from_all.data() + own);
  run({.op = CollectiveOp::all_to_all, .count = std::ssize(to_all)}, shares.num_chunks(), phases);
}

// To others there is nothing to take from but the root, so its pieces may be as long as a slot.
void SharedMemoryGroup::broadcast(std::span<std::byte> values, int root) {
  CHECK(root >= 0 && root < self_.size, root, self_.size, self_.group);
  std::vector<int64_t> borders(static_cast<size_t>(self_.size) + 1, std::ssize(values));
  std::fill_n(borders.begin(), root + 1, 0);
  const Shares shares{borders, static_cast<int64_t>(piece_bytes_) * self_.size};
  const Phase phases[] = {[&](int64_t chunk) {
                            const auto [begin, count] = shares.of(self_.rank, chunk);
                            show_piece(values.data() + begin, count, 0);
                          },
                          [&](int64_t chunk) { take_pieces(values.data(), shares, chunk, 0); }};
  run({.op = CollectiveOp::broadcast, .count = std::ssize(values), .root = root},
      shares.num_chunks(), phases);
}

void SharedMemoryGroup::barrier() {
  run({.op = CollectiveOp::barrier}, 0, {});
}

}  // namespace troupe
