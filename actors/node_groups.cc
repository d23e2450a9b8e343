#include "actors/node_groups.h"

#include <algorithm>
#include <filesystem>

#include "actors/cluster/runtime_folder.h"
#include "actors/transport/remote_group.h"
#include "base/error.h"
#include "devices/cpu/shared_memory_group.h"

namespace troupe {
namespace {

const NodePlan& node_of(const NodeContext& node, const std::string& address) {
  const auto* actor = node.plan.find(address);
  CHECK(actor != nullptr, address);
  for (const auto& plan : node.plan.nodes)
    if (plan.name == actor->node) return plan;
  throw Error(address + " is planned on a node that there is not: " + actor->node);
}

// "ipc:///tmp/troupe-run-ab12cd" of a node that receives at
// "ipc:///tmp/troupe-run-ab12cd/node-0.zmq"
std::string folder_of(const NodePlan& plan) {
  return plan.endpoint.substr(0, plan.endpoint.rfind('/'));
}

// Whoever has sockets in one folder has memory in common too; a host's name is not enough for that.
bool have_memory_in_common(const NodeContext& node, const std::vector<std::string>& addresses) {
  const auto folder = folder_of(node_of(node, addresses.front()));
  return folder.starts_with("ipc://") &&
         std::ranges::all_of(addresses, [&](const std::string& address) {
           return folder_of(node_of(node, address)) == folder;
         });
}

// "troupe-run-ab12cd.policy-pp0-tensor"
std::string file_name(const std::string& folder, std::string group) {
  std::ranges::replace_if(
      group, [](char c) { return c == '/' || c == ' '; }, '-');
  return std::filesystem::path(folder).filename().string() + "." + group;
}

}  // namespace

std::unique_ptr<Communicator> make_group(NodeContext& node, GroupWanted wanted) {
  if (!have_memory_in_common(node, wanted.addresses))
    return std::make_unique<RemoteGroup>(
        node.transport, RemoteGroupOptions{.group = std::move(wanted.name),
                                           .addresses = std::move(wanted.addresses),
                                           .rank = wanted.rank,
                                           .waits = {.before_wait = std::move(wanted.before_wait),
                                                     .after_wait = std::move(wanted.after_wait)}});
  SharedMemoryGroupOptions options;
  options.group = wanted.name;
  options.folder = kSharedMemoryFolder;
  options.name = file_name(folder_of(node_of(node, wanted.addresses.front())), wanted.name);
  options.rank = wanted.rank;
  options.size = static_cast<int>(wanted.addresses.size());
  options.before_wait = std::move(wanted.before_wait);
  options.after_wait = std::move(wanted.after_wait);
  return std::make_unique<SharedMemoryGroup>(std::move(options));
}

}  // namespace troupe
