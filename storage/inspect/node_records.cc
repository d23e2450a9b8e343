#include "storage/inspect/node_records.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/host_name.h"
#include "base/wall_time.h"
#include "storage/journal/process_start.h"

namespace troupe {

void for_each_journal(const std::string& run_dir,
                      const std::function<void(const JournalReader&)>& visit) {
  const auto folder = std::filesystem::path(run_dir) / "journal";
  bool found = false;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      found = true;
      visit(JournalReader(entry.path()));
    }
  if (!found)
    throw UsageError(run_dir +
                     " is no folder of a run: there is no journal in it\n"
                     "  name one, such as runs/latest");
}

bool tells_of(const NodeRecord& record, int64_t step) {
  return record.step <= step && (record.step >= 0 || step < 0);
}

std::vector<NodeRecord> last_records(const std::string& run_dir, std::optional<int64_t> step) {
  std::vector<NodeRecord> records;
  int64_t latest = -1;
  bool has_step = !step;
  for_each_journal(run_dir, [&](const JournalReader& journal) {
    journal.replay_backwards([&](std::string_view bytes) {
      auto record = decode_node_record(bytes);
      latest = std::max(latest, record.step);
      if (step && !tells_of(record, *step)) return true;
      has_step |= record.step == step;
      records.push_back(std::move(record));
      return false;
    });
  });
  if (!has_step)
    throw UsageError(run_dir + " has no step " + std::to_string(*step) + ": its last is " +
                     std::to_string(latest));
  std::ranges::sort(records, {}, &NodeRecord::node);
  return records;
}

std::vector<NodeRecord> records_between(const std::string& run_dir, int64_t first, int64_t last) {
  std::vector<NodeRecord> records;
  for_each_journal(run_dir, [&](const JournalReader& journal) {
    const auto before = static_cast<ptrdiff_t>(records.size());
    journal.replay_backwards([&](std::string_view bytes) {
      auto record = decode_node_record(bytes);
      if (record.step < first) return record.step < 0;  // where a resumed process began
      if (record.step <= last) records.push_back(std::move(record));
      return true;
    });
    std::reverse(records.begin() + before, records.end());
  });
  std::ranges::stable_sort(records, {}, &NodeRecord::node);
  return records;
}

bool is_alive_at(const NodeRecord& record, int64_t now_ns) {
  if (record.host == host_name()) return process_start(record.pid) == record.process_start;
  return std::chrono::nanoseconds(now_ns - record.wall_time_ns) < kFarSilence;
}

bool is_alive(const NodeRecord& record) {
  return is_alive_at(record, wall_time_now_ns());
}

std::string address_in_run(const ActorRecord& actor, const NodeRecord& node) {
  const bool in_every_node = actor.address == "node" || actor.address == "tracer";
  return in_every_node ? actor.address + "@" + node.node : actor.address;
}

ActorNames::ActorNames(const std::vector<NodeRecord>& records) {
  for (const auto& node : records)
    for (const auto& actor : node.actors)
      names_[{node.system, actor.id}] = address_in_run(actor, node);
}

std::string ActorNames::sender_of(const EdgeRecord& edge) const {
  if (!edge.sender_address.empty()) return edge.sender_address;
  const auto sender = names_.find({edge.sender_system, edge.sender});
  return sender == names_.end() ? "?" : sender->second;
}

}  // namespace troupe
