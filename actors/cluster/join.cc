#include "actors/cluster/join.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <caf/io/all.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "actors/cluster/socket_address.h"
#include "base/hash.h"
#include "base/hmac.h"
#include "base/host_name.h"
#include "storage/fingerprint.h"
#include "storage/mapped_file.h"

namespace troupe {
namespace {

constexpr auto kJoinLimit = std::chrono::seconds(10);
constexpr size_t kSecretBytes = 32;
constexpr size_t kMostPending = 1000;  // who does not know the secret may say hello for ever

template <class Reply, class Message>
Reply ask(caf::scoped_actor& self, const Door& door, const Message& message,
          const std::string& what) {
  Reply reply;
  std::string error;
  self->request(door, kJoinLimit, message)
      .receive([&](Reply& value) { reply = std::move(value); },
               [&](caf::error& e) { error = text_of(e); });
  if (!error.empty()) throw Error(what + ": " + error);
  return reply;
}

}  // namespace

int num_cores_of_this_host() {
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::string program_checksum() {
  std::array<char, 17> text = {};
  const auto checksum = xxh3(MappedFile("/proc/self/exe").bytes());
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(checksum));
  return text.data();
}

std::string to_json(const NodeSettings& settings) {
  return nlohmann::json{{"plan", to_json(settings.plan)},
                        {"run_dir", settings.run_dir},
                        {"runtime_dir", settings.runtime_dir},
                        {"heartbeat_interval_ms", settings.heartbeat_interval_ms},
                        {"heartbeat_limit_ms", settings.heartbeat_limit_ms},
                        {"trace_interval_ms", settings.trace_interval_ms},
                        {"model", settings.model},
                        {"model_fingerprint", settings.model_fingerprint}}
      .dump();
}

NodeSettings settings_from_json(const std::string& text) try {
  auto json = nlohmann::json::parse(text);
  return {.plan = plan_from_json(json.at("plan")),
          .run_dir = json.at("run_dir"),
          .runtime_dir = json.at("runtime_dir"),
          .heartbeat_interval_ms = json.at("heartbeat_interval_ms"),
          .heartbeat_limit_ms = json.at("heartbeat_limit_ms"),
          .trace_interval_ms = json.at("trace_interval_ms"),
          .model = json.at("model"),
          .model_fingerprint = json.at("model_fingerprint")};
} catch (const nlohmann::json::exception& e) {
  throw Error(std::string("malformed node settings: ") + e.what());
}

std::string join_proof(const std::string& secret, const std::string& speaker,
                       const std::string& node, const std::string& node_nonce,
                       const std::string& launcher_nonce) {
  return hmac_sha256(
      secret, "troupe join\n" + speaker + "\n" + node + "\n" + node_nonce + "\n" + launcher_nonce);
}

std::string write_secret(const std::string& path) {
  auto secret = random_hex(kSecretBytes);
  int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  std::string reason = std::strerror(errno);
  CHECK(file >= 0, path, reason);
  auto written = write(file, secret.data(), secret.size());
  close(file);
  CHECK(written == static_cast<ssize_t>(secret.size()), path, written);
  return secret;
}

std::string read_secret(const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error("cannot open " + path + ": " + std::strerror(errno));
  struct stat info = {};
  fstat(file, &info);
  std::string secret(2 * kSecretBytes + 1, '\0');
  auto length = read(file, secret.data(), secret.size());
  close(file);
  bool only_the_owner_reads = (info.st_mode & 077) == 0 && info.st_uid == geteuid();
  if (!only_the_owner_reads)
    throw Error(path + ": expected a file of our own that nobody else can read (chmod 600)");
  if (length != static_cast<ssize_t>(2 * kSecretBytes))
    throw Error(path + ": expected a secret of " + std::to_string(2 * kSecretBytes) +
                " characters, found " + std::to_string(length));
  secret.pop_back();
  return secret;
}

std::string secret_of(const std::string& option, const std::string& path) try {
  return read_secret(path);
} catch (const Error& e) {
  throw UsageError(option + ": " + e.what());
}

Door::behavior_type door(Traced<Door, DoorState>* self, DoorConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  const auto sender = [self] { return caf::actor_cast<caf::actor_addr>(self->current_sender()); };
  return {
      [=, &state](const Hello& hello) {
        if (state.pending.size() >= kMostPending)
          state.pending.clear();  // who is honest asks again
        auto& nonces = state.pending[sender()] = {hello.nonce, random_hex(16)};
        return Challenge{nonces.launcher, join_proof(state.config.secret, "launcher", hello.node,
                                                     nonces.node, nonces.launcher)};
      },
      [=, &state](const Prove& prove) -> caf::result<Welcome> {
        const auto nonces = state.pending.extract(sender());
        const bool knows =
            !nonces.empty() &&
            equal_in_constant_time(prove.proof,
                                   join_proof(state.config.secret, "node", prove.node,
                                              nonces.mapped().node, nonces.mapped().launcher));
        if (!knows) return caf::make_error(ActorError::failed, "the secret is not this cluster's");
        if (prove.program != state.config.program)
          return caf::make_error(ActorError::failed,
                                 prove.node +
                                     " runs another troupe: the checksum of its program is " +
                                     prove.program + ", of the cluster's " + state.config.program);
        return state.config.admit(prove.node);
      },
  };
}

DoorConfig door_of_run(std::string secret, NodeSettings settings, const Directory& directory,
                       const Supervisor& supervisor) {
  auto admit = [=](const std::string& name) -> caf::result<Welcome> {
    const auto& nodes = settings.plan.nodes;
    if (std::ranges::find(nodes, name, &NodePlan::name) == nodes.end())
      return caf::make_error(ActorError::failed, "the plan has no node " + name);
    return Welcome{to_json(settings), caf::actor_cast<caf::strong_actor_ptr>(directory),
                   caf::actor_cast<caf::strong_actor_ptr>(supervisor)};
  };
  return {.secret = std::move(secret), .admit = std::move(admit)};
}

Welcome enter(caf::actor_system& system, const std::string& host, uint16_t port,
              const std::string& name, const std::string& secret) {
  const auto place = host + ":" + std::to_string(port);
  // Where nobody is, CAF would wait for as long as the kernel does. The call lasts until we are in:
  // CAF takes the end of a connection for that of the next one, if that has its descriptor.
  std::optional<AnsweredCall> call;
  if (!is_loopback(host)) call.emplace(host, port, kJoinLimit);
  auto door = system.middleman().remote_actor<Door>(host, port);
  if (!door) throw Error("no cluster answers at " + place + ": " + text_of(door.error()));
  caf::scoped_actor self(system);
  const auto nonce = random_hex(16);
  const auto challenge = ask<Challenge>(self, *door, Hello{name, nonce}, "joining " + place);
  if (!equal_in_constant_time(challenge.proof,
                              join_proof(secret, "launcher", name, nonce, challenge.nonce)))
    throw Error("the cluster at " + place + " has another secret than ours");
  const auto proof = join_proof(secret, "node", name, nonce, challenge.nonce);
  return ask<Welcome>(self, *door, Prove{name, proof, program_checksum()},
                      "proving the secret to " + place);
}

void check_model(const NodeSettings& settings) {
  if (settings.model.empty()) return;
  const auto found = fingerprint(settings.model);
  if (found != settings.model_fingerprint)
    throw Error("the model " + settings.model + " on " + host_name() + " has the fingerprint " +
                found + ", where the run started it has " + settings.model_fingerprint);
}

Joined join(caf::actor_system& system, const std::string& host, uint16_t port,
            const std::string& node, const std::string& secret) {
  const auto welcome = enter(system, host, port, node, secret);
  auto settings = settings_from_json(welcome.settings);
  check_model(settings);
  return {.settings = std::move(settings),
          .directory = caf::actor_cast<Directory>(welcome.directory),
          .supervisor = caf::actor_cast<Supervisor>(welcome.supervisor),
          .secret = secret};
}

}  // namespace troupe
