// What ranks that compute together say to each other. Every member of a group makes the same calls
// in the same order; each call waits for all members, and throws an Error that names the group, the
// call's sequence number and who is missing when a deadline passes.
//
// Sums have one order, whatever carries them: each element is the binary counter over the ranks'
// addends (base/counter_tree.h), in rank order; whoever is absent is skipped, not added as zero.
// Shares are cut at `borders`: size() + 1 ascending positions, the first 0; rank r's share is
// [borders[r], borders[r + 1]).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace troupe {

enum class Presence : uint8_t { absent, present };

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual const std::string& group() const = 0;  // "policy/pp0 tensor", for errors
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // `values` becomes the sum of all ranks' values; where none is present, it stays as it is.
  // Returns whether any was.
  virtual bool all_reduce(std::span<float> values, Presence presence = Presence::present) = 0;
  virtual bool all_reduce(std::span<double> values, Presence presence = Presence::present) = 0;
  // The same, where only this rank's share of the sum is wanted. `own` may be that part of
  // `values`.
  virtual bool reduce_scatter(std::span<const float> values, std::span<const int64_t> borders,
                              std::span<float> own, Presence presence = Presence::present) = 0;
  // `all` gets every rank's share, in bytes. `own` may be its part of `all`.
  virtual void all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                          std::span<std::byte> all) = 0;
  // Rank r gets values[i] for itself of every rank i: equal parts of `size() * part` bytes.
  virtual void all_to_all(std::span<const std::byte> to_all, std::span<std::byte> from_all) = 0;
  virtual void broadcast(std::span<std::byte> values, int root) = 0;
  virtual void barrier() = 0;

  virtual int64_t bytes_sent() const = 0;  // what this rank has moved to others so far
};

}  // namespace troupe
