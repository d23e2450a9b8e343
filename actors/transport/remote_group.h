// A Communicator among ranks anywhere, over the nodes' data plane: each rank sends every other its
// share of what is to be added up, adds the shares that it gets, and sends its sum to all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/transport/transport.h"
#include "devices/collective_call.h"

namespace troupe {

struct RemoteGroupOptions {
  std::string group;                   // of one run alone: "policy/pp0 tensor"
  std::vector<std::string> addresses;  // of the members, by rank, as in the plan
  int rank = 0;
  WaitOptions waits;
};

class RemoteGroup final : public Communicator {
 public:
  // Waits for nobody. A group that has thrown is of no more use.
  RemoteGroup(const Transport& transport, const RemoteGroupOptions& options);
  ~RemoteGroup() override;

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
  struct Received {
    TensorRef part;
    Presence presence = Presence::absent;
  };

  // What each other rank sent in this call, after sending each part_for(rank).
  std::vector<Received> exchange(const CollectiveCall& call, const std::string& phase,
                                 const std::function<TensorRef(int to)>& part_for);
  Received receive(int from, const std::string& call);
  CollectiveCall next(CollectiveCall call);
  std::string inbox_name(int rank) const;

  template <class T>
  bool add_own(const CollectiveCall& call, std::span<const T> values,
               std::span<const int64_t> borders, T* own);
  template <class T>
  bool all_reduce_of(std::span<T> values, Presence presence);
  void gather(const CollectiveCall& call, std::span<const std::byte> own,
              std::span<const int64_t> borders, std::span<std::byte> all);

  GroupMember self_;
  RemoteGroupOptions options_;
  std::shared_ptr<Inboxes> inboxes_;
  std::shared_ptr<Inbox> inbox_;
  std::vector<TensorOutlet> outlets_;  // by rank; none to itself
  std::vector<std::string> heard_;     // by rank, what it sent last
  uint64_t num_calls_ = 0;
  int64_t bytes_sent_ = 0;
};

}  // namespace troupe
