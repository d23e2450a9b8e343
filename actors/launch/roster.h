// Who is in a resident cluster and who may use it: its members with their slots, and the runs that
// hold some or wait for them, first come, first served. Plain decisions, without actors or clocks.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/launch/messages.h"

namespace troupe {

class Roster {
 public:
  // A member that will join: counted on, but not used yet.
  void expect(const std::string& member, int slots);
  // Throws Error if a member of this name is there already. Slots 0: as expected, else
  // `default_slots`.
  void join(const MemberJoined& joined, int default_slots);
  void note(const std::string& member, const std::string& event);  // into its history
  // The member is gone, for good or to come again (if it was expected, or is to be started); the
  // nodes of runs that went with it.
  std::vector<NodeExited> lose(const std::string& member, const std::string& why, bool for_good);
  bool is_ready(const std::string& member) const;
  bool has_hope() const;  // some member is there, or may come

  // A run that wants to be placed; its id. Throws Error if there can never be room for it.
  int64_t queue(const std::string& run, const std::vector<WantedNode>& nodes);
  std::string waiting_for(int64_t run) const;  // "2 of 5 slots; ..."; empty: it is placed
  std::vector<int64_t> admit();                // places those for which there is room now
  void started(int64_t run, const std::string& run_dir);
  void release(int64_t run);  // of no effect on one that is not there

  const std::vector<Place>& places(int64_t run) const;  // throws if there is no such run
  std::string member_of(int64_t run, const std::string& node) const;  // likewise
  std::vector<std::string> members_of(int64_t run) const;             // each once
  std::vector<int64_t> runs() const;
  std::vector<std::string> members() const;
  ClusterStatus status() const;

 private:
  struct Run {
    std::string name, run_dir;
    std::vector<WantedNode> wanted;
    std::vector<Place> places;  // empty: it waits
  };
  std::map<std::string, int> free_slots(bool of_all) const;
  bool counts_on(const std::string& member) const;
  bool has_chosen(const WantedNode& node) const;  // a member, by key or by name
  std::string member_for(const WantedNode& node, const std::map<std::string, int>& free) const;
  std::vector<Place> place(const std::vector<WantedNode>& nodes,
                           std::map<std::string, int> free) const;
  void check_possible(const std::vector<WantedNode>& nodes) const;

  std::map<std::string, MemberStatus> members_;
  std::set<std::string> expected_;
  std::map<int64_t, Run> runs_;  // ids ascend, so this is the queue's order too
  int64_t next_run_ = 1;
};

}  // namespace troupe
