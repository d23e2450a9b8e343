#include "actors/launch/roster.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace troupe {
namespace {

constexpr size_t kLongestHistory = 50;

std::string slots_text(const std::map<std::string, int>& slots) {
  std::string text;
  for (const auto& [member, count] : slots)
    text += (text.empty() ? "" : ", ") + member + " " + std::to_string(count);
  return text.empty() ? "none" : text;
}

}  // namespace

void Roster::expect(const std::string& name, int slots) {
  auto& member = members_[name];
  member.member = name;
  member.slots = slots;
  member.state = "expected";
  expected_.insert(name);
}

void Roster::join(const MemberJoined& joined, int default_slots) {
  auto& member = members_[joined.member];
  if (member.state == "ready")
    throw Error("a node " + joined.member + " is in the cluster already, as process " +
                std::to_string(member.pid) + " on " + member.host + ": join under another --name");
  member.member = joined.member;
  member.host = joined.host;
  member.address = joined.address;
  member.pid = joined.pid;
  member.state = "ready";
  if (joined.slots > 0) member.slots = joined.slots;
  if (member.slots == 0) member.slots = default_slots;
}

void Roster::note(const std::string& member, const std::string& event) {
  auto& history = members_[member].history;
  history.push_back(event);
  if (history.size() > kLongestHistory) history.erase(history.begin());
}

std::vector<NodeExited> Roster::lose(const std::string& name, const std::string& why,
                                     bool for_good) {
  auto& member = members_.at(name);
  member.state = for_good || !expected_.contains(name) ? "given up" : "lost";
  std::vector<NodeExited> gone;
  for (const auto& [id, run] : runs_)
    for (const auto& place : run.places)
      if (place.member == name)
        gone.push_back({.run = id,
                        .node = place.node,
                        .unseen = "was lost with the cluster's node " + name + ", which " + why});
  return gone;
}

bool Roster::is_ready(const std::string& name) const {
  const auto found = members_.find(name);
  return found != members_.end() && found->second.state == "ready";
}

bool Roster::counts_on(const std::string& name) const {
  const auto found = members_.find(name);
  return found != members_.end() && found->second.state != "given up";
}

bool Roster::has_hope() const {
  return std::ranges::any_of(members_, [&](const auto& x) { return counts_on(x.first); });
}

std::map<std::string, int> Roster::free_slots(bool of_all) const {
  std::map<std::string, int> free;
  for (const auto& [name, member] : members_) {
    if (of_all && counts_on(name)) free[name] = member.slots;
    if (!of_all && member.state == "ready") free[name] = member.slots - member.used;
  }
  return free;
}

bool Roster::has_chosen(const WantedNode& node) const {
  return !node.member.empty() || counts_on(node.node);
}

// Where the config says, else on the member of the node's own name, else where most slots are free.
std::string Roster::member_for(const WantedNode& node,
                               const std::map<std::string, int>& free) const {
  if (has_chosen(node)) return node.member.empty() ? node.node : node.member;
  const auto most = std::ranges::max_element(free, {}, [](const auto& x) { return x.second; });
  return most == free.end() ? "" : most->first;
}

// Empty if there is not room for all.
std::vector<Place> Roster::place(const std::vector<WantedNode>& nodes,
                                 std::map<std::string, int> free) const {
  std::vector<Place> places;
  for (const bool chosen : {true, false})
    for (const auto& node : nodes) {
      if (has_chosen(node) != chosen) continue;
      const auto slots = free.find(member_for(node, free));
      if (slots == free.end() || slots->second < 1) return {};
      --slots->second;
      places.push_back({.node = node.node, .member = slots->first});
    }
  return places;
}

void Roster::check_possible(const std::vector<WantedNode>& nodes) const {
  for (const auto& node : nodes)
    if (!node.member.empty() && !members_.contains(node.member))
      throw Error("the run's node " + node.node + " is to live on " + node.member +
                  ", but the cluster has no such node" + did_you_mean(node.member, members()));
  const auto all = free_slots(true);
  if (place(nodes, all).empty())
    throw Error("the run has " + std::to_string(nodes.size()) +
                " nodes, for which the cluster never has room; its slots: " + slots_text(all));
}

int64_t Roster::queue(const std::string& name, const std::vector<WantedNode>& nodes) {
  CHECK(!nodes.empty(), name);
  check_possible(nodes);
  runs_[next_run_] = {.name = name, .wanted = nodes};
  return next_run_++;
}

std::string Roster::waiting_for(int64_t id) const {
  const auto& run = runs_.at(id);
  if (!run.places.empty()) return "";
  std::string text = std::to_string(run.wanted.size()) +
                     " slots (free now: " + slots_text(free_slots(false)) + ")";
  for (const auto& [other, before] : runs_)
    if (other < id) text += "; before it: " + before.name;
  return text;
}

// Nobody overtakes: a large run would wait for ever otherwise.
std::vector<int64_t> Roster::admit() {
  std::vector<int64_t> admitted;
  for (auto& [id, run] : runs_) {
    if (!run.places.empty()) continue;
    run.places = place(run.wanted, free_slots(false));
    if (run.places.empty()) break;
    for (auto& place : run.places) {
      auto& member = members_.at(place.member);
      ++member.used;
      place.host = member.host;
    }
    admitted.push_back(id);
  }
  return admitted;
}

void Roster::started(int64_t run, const std::string& run_dir) {
  runs_.at(run).run_dir = run_dir;
}

void Roster::release(int64_t id) {
  const auto run = runs_.extract(id);
  if (run.empty()) return;
  for (const auto& place : run.mapped().places) --members_.at(place.member).used;
}

const std::vector<Place>& Roster::places(int64_t run) const {
  const auto found = runs_.find(run);
  CHECK(found != runs_.end(), run);
  return found->second.places;
}

std::string Roster::member_of(int64_t run, const std::string& node) const {
  const auto& all = places(run);
  const auto found = std::ranges::find(all, node, &Place::node);
  CHECK(found != all.end(), run, node);
  return found->member;
}

std::vector<std::string> Roster::members_of(int64_t run) const {
  std::set<std::string> names;
  for (const auto& place : places(run)) names.insert(place.member);
  return {names.begin(), names.end()};
}

std::vector<int64_t> Roster::runs() const {
  std::vector<int64_t> ids;
  for (const auto& [id, run] : runs_) ids.push_back(id);
  return ids;
}

std::vector<std::string> Roster::members() const {
  std::vector<std::string> names;
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

ClusterStatus Roster::status() const {
  ClusterStatus status;
  for (const auto& [name, member] : members_) status.members.push_back(member);
  for (const auto& [id, run] : runs_)
    status.runs.push_back(
        {run.name, run.run_dir, run.places.empty() ? "waiting" : "running", run.places});
  return status;
}

}  // namespace troupe
