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

bool are_on_one_host(const NodeContext& node, const std::vector<std::string>& addresses) {
  const auto& host = node_of(node, addresses.front()).host;
  return std::ranges::all_of(addresses, [&](const std::string& address) {
    return node_of(node, address).host == host;
  });
}

// "troupe-run-ab12cd.policy-pp0-tensor"
std::string file_name(const NodeContext& node, std::string group) {
  std::ranges::replace_if(group, [](char c) { return c == '/' || c == ' '; }, '-');
  return std::filesystem::path(node.runtime_dir).filename().string() + "." + group;
}

}  // namespace

std::unique_ptr<Communicator> make_group(NodeContext& node, GroupWanted wanted) {
  if (!are_on_one_host(node, wanted.addresses))
    return std::make_unique<RemoteGroup>(
        node.transport,
        RemoteGroupOptions{.group = std::move(wanted.name),
                           .addresses = std::move(wanted.addresses),
                           .rank = wanted.rank,
                           .waits = {.before_wait = std::move(wanted.before_wait),
                                     .after_wait = std::move(wanted.after_wait)}});
  SharedMemoryGroupOptions options;
  options.group = wanted.name;
  options.folder = kSharedMemoryFolder;
  options.name = file_name(node, wanted.name);
  options.rank = wanted.rank;
  options.size = static_cast<int>(wanted.addresses.size());
  options.before_wait = std::move(wanted.before_wait);
  options.after_wait = std::move(wanted.after_wait);
  return std::make_unique<SharedMemoryGroup>(std::move(options));
}

}  // namespace troupe
