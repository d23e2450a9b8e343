// A Communicator among threads and processes of one host, over memory that they share. Large arrays
// go through it in chunks that stay in the caches, several at once: while one is written, an
// earlier one is added up, each rank its own share, and a still earlier one is read.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "devices/collective_call.h"
#include "devices/cpu/counted_memory.h"
#include "devices/cpu/shared_steps.h"
#include "devices/shares.h"
#include "devices/tree_sum.h"

namespace troupe {

struct SharedMemoryGroupOptions {
  std::string group;   // for errors: "policy/pp0 tensor"
  std::string folder;  // where the members' file lies, such as one in /dev/shm
  std::string name;    // of the file: one group of one run alone
  int rank = 0, size = 1;
  std::chrono::milliseconds deadline{60000};  // for the others to do their next bit
  // Around waits that are not over at once: whoever holds a core lets go of it.
  std::function<void()> before_wait, after_wait;
};

class SharedMemoryGroup final : public Communicator {
 public:
  // Waits for nobody. A group that has thrown is of no more use.
  explicit SharedMemoryGroup(const SharedMemoryGroupOptions& options);

  // Of the members' file, the part that is one rank's: it counts as that rank's memory.
  static int64_t bytes_of_rank(int size);

  const std::string& group() const override { return self_.group; }
  int rank() const override { return self_.rank; }
  int size() const override { return self_.size; }

  bool all_reduce(std::span<float> values, Presence presence) override;
  bool all_reduce(std::span<double> values, Presence presence) override;
  bool reduce_scatter(std::span<const float> values, std::span<const int64_t> borders,
                      std::span<float> own, Presence presence) override;
  void all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                  std::span<std::byte> all) override;
  void all_to_all(std::span<const std::byte> to_all, std::span<std::byte> from_all) override;
  void broadcast(std::span<std::byte> values, int root) override;
  void barrier() override;

  int64_t bytes_sent() const override { return bytes_sent_; }

 private:
  // What is done with a chunk; phase p of it comes kLag * p steps after the first.
  using Phase = std::function<void(int64_t chunk)>;
  void run(CollectiveCall call, int64_t num_chunks, std::span<const Phase> phases);
  void check_calls();

  template <class T>
  bool all_reduce_of(std::span<T> values, Presence presence);

  // A slot has a place for each rank, and one for what is for all.
  int place_for_all() const { return self_.size; }
  template <class T>
  void write(const T* values, int64_t count, int place);
  template <class T>
  const T* written_by(int rank, int place) const;

  template <class T>
  void send_pieces(const T* values, const Shares& shares, int64_t chunk);
  template <class T>
  void show_piece(const T* piece, int64_t count, int place);
  template <class T>
  void add_pieces(const T* values, const Shares& shares, int64_t chunk, T* own) const;
  template <class T>
  void take_pieces(T* all, const Shares& shares, int64_t chunk, int place) const;

  GroupMember self_;
  size_t piece_bytes_;
  CountedMemory counted_;
  SharedSteps steps_;
  uint64_t num_calls_ = 0;
  int64_t bytes_sent_ = 0;
  TreeSum sum_;  // of this call's addends
};

}  // namespace troupe
