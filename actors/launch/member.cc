#include "actors/launch/member.h"

#include <unistd.h>

#include "actors/cluster/socket_address.h"
#include "base/hash.h"
#include "storage/mapped_file.h"

namespace troupe {
namespace {

void check_shared_folder(const StartNode& node, const MemberJoined& self) {
  uint64_t checksum = 0;
  try {
    checksum = config_checksum(node.run_dir);
  } catch (const Error&) {
  }
  if (checksum != node.config_checksum)
    throw Error("the run's folder " + node.run_dir + " is not to be seen on " + self.host +
                " (cluster node " + self.member +
                "): it has to lie on a file system that all of the run's hosts share");
}

// Asks the manager for a sign of life, again and again.
void ping(Traced<Member, MemberState>* self) {
  const auto& config = self->state.config;
  self->request(config.manager, config.ping_limit, Ping{})
      .then(
          [self](const Pong&) {
            self->delayed_send(self, self->state.config.ping_interval, PingManager{});
          },
          [self](const caf::error& error) {
            self->state.config.log("the cluster does not answer: " + text_of(error));
            self->quit(caf::exit_reason::remote_link_unreachable);
          });
}

}  // namespace

uint64_t config_checksum(const std::string& run_dir) {
  return xxh3(MappedFile(run_dir + "/config.yaml").bytes());
}

std::string MemberState::prepare(const Prepare& node) {
  const auto& address = config.self.address;
  if (is_loopback(address)) return "";
  uint16_t port = 0;
  data_sockets[{node.run, node.node}] = listening_socket(address, port);
  return "tcp://" + SocketAddress{address, port}.text();
}

int64_t MemberState::start(const StartNode& node, const caf::actor_addr& self) {
  check_shared_folder(node, config.self);
  const Key key{node.run, node.node};
  const auto prepared = data_sockets.extract(key);
  const int socket = prepared.empty() ? -1 : prepared.mapped();
  auto on_exit = [self, run = node.run, name = node.node](ExitStatus status) {
    if (auto member = caf::actor_cast<caf::actor>(self))
      caf::anon_send(member, HostedExit{run, name, std::move(status)});
  };
  auto& process = processes[key] = config.start(node, socket, on_exit);
  if (socket >= 0) close(socket);
  config.log("node " + node.node + " of " + node.run_dir + " is started as pid " +
             std::to_string(process->pid()));
  return process->pid();
}

void MemberState::end_run(int64_t run) {
  for (const auto& [key, socket] : data_sockets)
    if (key.first == run) close(socket);
  std::erase_if(data_sockets, [run](const auto& x) { return x.first.first == run; });
  std::erase_if(processes, [run](const auto& x) { return x.first.first == run; });
}

MemberState::~MemberState() {
  for (const auto& [key, socket] : data_sockets) close(socket);
}

Member::behavior_type member(Traced<Member, MemberState>* self, MemberConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.config.self.actor = caf::actor_cast<caf::strong_actor_ptr>(self->address());
  self->monitor(state.config.manager);
  self->set_down_handler([self](caf::down_msg&) {
    self->state.config.log("the cluster is gone");
    self->quit(caf::exit_reason::remote_link_unreachable);
  });
  self->send(state.config.manager, state.config.self);
  self->send(self, PingManager{});
  return {
      [&state](const Prepare& node) {
        return answer([&] { return Prepared{state.prepare(node)}; });
      },
      [=, &state](const StartNode& node) {
        return answer([&] { return NodeStarted{state.start(node, self->address())}; });
      },
      [&state](const EndNode& end) {
        const auto found = state.processes.find({end.run, end.node});
        if (found == state.processes.end()) return;
        end.at_once ? static_cast<void>(state.processes.erase(found)) : found->second->terminate();
      },
      [&state](const EndRun& end) { state.end_run(end.run); },
      [=, &state](const LeaveCluster& leave) {
        state.processes.clear();
        if (leave.refusal.empty()) return self->quit();
        self->quit(caf::make_error(ActorError::failed, leave.refusal));
      },
      [=, &state](const HostedExit& exit) {
        state.config.log("node " + exit.node + " " + to_string(exit.status));
        state.processes.erase({exit.run, exit.node});
        self->send(state.config.manager, NodeExited{exit.run, exit.node, exit.status.by_signal,
                                                    exit.status.number, exit.status.unseen});
      },
      [=](PingManager) { ping(self); },
  };
}

}  // namespace troupe
