// A Communicator among threads and processes of one host: a file in shared memory through which
// chunks that fit into a second-level cache pass, each summed by all members, a share each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/communicator.h"

namespace troupe {

struct SharedMemoryGroupOptions {
  std::string group;   // for errors: "policy/pp0 tensor"
  std::string folder;  // where the members' file lies, such as one in /dev/shm
  std::string name;    // of the file: one group of one run alone
  int rank = 0, size = 1;
  std::chrono::milliseconds deadline{60000};  // of a wait for the others
  // Around waits that are not over at once: whoever holds a core lets go of it.
  std::function<void()> before_wait, after_wait;
};

class SharedMemoryGroup final : public Communicator {
 public:
  // Waits for nobody. The file is made by whoever comes first, and unlinked once all have it.
  explicit SharedMemoryGroup(SharedMemoryGroupOptions options);
  ~SharedMemoryGroup() override;

  const std::string& group() const override { return options_.group; }
  int rank() const override { return options_.rank; }
  int size() const override { return options_.size; }
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
  struct Segment;
  struct Slot;
  enum class Call : uint32_t;

  bool begin(Call call, int64_t num_bytes, Presence presence);
  void meet();
  void wait_for(int rank, uint32_t count);
  std::string missing(uint32_t count) const;
  Slot& slot(int rank) const;
  std::byte* input(int rank, int64_t round) const;
  std::byte* result(int rank, int64_t round) const;
  template <class T>
  bool reduce(std::span<const T> values, T* sums, int64_t first, int64_t end, Presence presence);
  template <class T>
  void sum_share(int64_t count, int64_t round) const;
  void exchange(std::span<const std::byte> own, int64_t most,
                const std::function<void(int rank, int64_t at, std::span<const std::byte>)>& take);

  SharedMemoryGroupOptions options_;
  std::string path_;
  Segment* segment_ = nullptr;
  size_t segment_bytes_ = 0;
  uint32_t count_ = 0;  // of meetings so far
  int64_t sequence_ = 0, bytes_sent_ = 0;
  const char* call_name_ = "";
  std::vector<bool> present_;
};

}  // namespace troupe
