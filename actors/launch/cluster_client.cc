#include "actors/launch/cluster_client.h"

#include <future>

#include "actors/cluster/join.h"
#include "actors/cluster/stop_signals.h"
#include "base/error.h"

namespace troupe {
namespace {

constexpr auto kLimit = std::chrono::seconds(15);  // for the manager's answers
constexpr auto kPingInterval = std::chrono::seconds(2);
constexpr auto kKillLimit = std::chrono::seconds(2);

struct PingCluster {};

// Its threads leave SIGINT and SIGTERM to the thread that calls this.
caf::actor_system& new_system() {
  const StopSignals blocked;
  return new_lasting_system();
}

template <class Reply, class... Message>
caf::expected<Reply> ask(caf::actor_system& system, const Manager& manager,
                         const Message&... message) {
  caf::scoped_actor self(system);
  caf::expected<Reply> reply = caf::sec::none;
  self->request(manager, kLimit, message...)
      .receive([&](Reply& value) { reply = std::move(value); },
               [&](caf::error& error) { reply = std::move(error); });
  return reply;
}

}  // namespace
}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PingCluster)

namespace troupe {

struct ClusterClient::Hosted {
  Process::OnExit on_exit;
  std::promise<void> dead;
  std::shared_future<void> is_dead = dead.get_future().share();
};

// A process on a member of the cluster.
class HostedProcess : public Process {
 public:
  HostedProcess(ClusterClient& client, std::string node, pid_t pid,
                std::shared_future<void> is_dead)
      : client_(client), node_(std::move(node)), pid_(pid), is_dead_(std::move(is_dead)) {}

  ~HostedProcess() override {
    client_.end(node_, true);
    wait_until(std::chrono::steady_clock::now() + kKillLimit);
  }

  pid_t pid() const override { return pid_; }
  void terminate() override { client_.end(node_, false); }
  bool wait_until(std::chrono::steady_clock::time_point deadline) const override {
    return is_dead_.wait_until(deadline) == std::future_status::ready;
  }

 private:
  ClusterClient& client_;
  std::string node_;
  pid_t pid_;
  std::shared_future<void> is_dead_;
};

namespace {

// Asks the manager for a sign of life, again and again.
void ping(caf::event_based_actor* self, const Manager& manager,
          const std::function<void(const std::string&)>& gone) {
  self->request(manager, kLimit, Ping{})
      .then([=](const Pong&) { self->delayed_send(self, kPingInterval, PingCluster{}); },
            [=](const caf::error&) { gone("does not answer any more"); });
}

struct AgentCallbacks {
  std::function<void(const Granted&)> granted;
  std::function<void(const NodeExited&)> exited;
  std::function<void()> stops;
  std::function<void(const std::string&)> gone;
};

caf::behavior agent(caf::event_based_actor* self, const Manager& manager,
                    const AgentCallbacks& on) {
  self->monitor(manager);
  self->set_down_handler([=](caf::down_msg&) { on.gone("is gone"); });
  self->send(self, PingCluster{});
  return {
      [=](const Granted& granted) { on.granted(granted); },
      [=](const NodeExited& exited) { on.exited(exited); },
      [=](const ClusterStops&) { on.stops(); },
      [=](PingCluster) { ping(self, manager, on.gone); },
  };
}

}  // namespace

ClusterClient::ClusterClient(const std::string& address, const std::string& secret_file)
    : secret_(secret_of("--secret-file", secret_file)),
      cluster_(parse_address(address, "--cluster")),
      system_(new_system()) {
  own_address_ = own_address_towards(cluster_.host);
  const auto welcome = enter(system_, cluster_.host, cluster_.port, "run", secret_);
  manager_ = caf::actor_cast<Manager>(welcome.supervisor);
  agent_ =
      system_.spawn(agent, manager_,
                    AgentCallbacks{[this](const Granted& x) { granted(x); },
                                   [this](const NodeExited& x) { exited(x); }, [this] { stops(); },
                                   [this](const std::string& how) { gone(how); }});
}

ClusterClient::~ClusterClient() {
  on_stop({});
  if (run_ != 0) caf::anon_send(manager_, Release{run_});
  end_actor(system_, caf::actor_cast<caf::strong_actor_ptr>(agent_));
}

ClusterStatus ClusterClient::status() {
  auto status = ask<ClusterStatus>(system_, manager_, GetCluster{});
  if (!status) throw Error("the cluster does not answer: " + text_of(status.error()));
  return std::move(*status);
}

std::vector<Place> ClusterClient::reserve(const std::string& run,
                                          const std::vector<WantedNode>& nodes,
                                          const std::function<void(const std::string&)>& report) {
  const auto client = caf::actor_cast<caf::strong_actor_ptr>(agent_);
  const auto queued = ask<Queued>(system_, manager_, Reserve{run, nodes, client});
  if (!queued) throw UsageError("cluster " + cluster_.text() + ": " + text_of(queued.error()));
  run_ = queued->id;
  if (!queued->waiting.empty()) report("waits for " + queued->waiting);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return granted_ || lost_; });
  if (lost_) throw Error(*lost_);
  if (!granted_->failure.empty())
    throw Error("cluster " + cluster_.text() + ": " + granted_->failure);
  return granted_->places;
}

void ClusterClient::on_stop(std::function<void(const std::string&)> stop) {
  std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
  if (lost_ && stop_) stop_(*lost_);
}

std::unique_ptr<Process> ClusterClient::start(const NodeCommand& command, Process::OnExit on_exit) {
  const auto hosted = std::make_shared<Hosted>();
  hosted->on_exit = std::move(on_exit);
  {
    std::lock_guard lock(mutex_);
    hosted_[command.node] = hosted;
  }
  const auto started =
      ask<NodeStarted>(system_, manager_,
                       StartNode{run_, command.node, command.join, command.run_dir,
                                 command.log_file, config_checksum(command.run_dir)});
  if (!started) throw Error(text_of(started.error()));
  return std::make_unique<HostedProcess>(*this, command.node, static_cast<pid_t>(started->pid),
                                         hosted->is_dead);
}

void ClusterClient::granted(const Granted& granted) {
  std::lock_guard lock(mutex_);
  granted_ = granted;
  changed_.notify_all();
}

void ClusterClient::exited(const NodeExited& exited) {
  std::shared_ptr<Hosted> hosted;
  {
    std::lock_guard lock(mutex_);
    const auto found = hosted_.extract(exited.node);
    if (found.empty()) return;
    hosted = found.mapped();
  }
  hosted->dead.set_value();
  hosted->on_exit({exited.by_signal, exited.number, exited.unseen});
}

void ClusterClient::stops() {
  std::lock_guard lock(mutex_);
  lost_ = "the cluster " + cluster_.text() + " is being stopped";
  if (stop_) stop_(*lost_);
  changed_.notify_all();
}

// Its members end with it, and with them the processes that they have started.
void ClusterClient::gone(const std::string& how) {
  std::lock_guard lock(mutex_);
  lost_ = "the cluster " + cluster_.text() + " " + how;
  for (const auto& [node, hosted] : hosted_) {
    hosted->dead.set_value();
    hosted->on_exit({.unseen = "was lost: " + *lost_});
  }
  hosted_.clear();
  changed_.notify_all();
}

void ClusterClient::end(const std::string& node, bool at_once) {
  caf::anon_send(manager_, EndNode{run_, node, at_once});
}

}  // namespace troupe
