// Roles of a tiny model on the deterministic scheduler: all stages in one process, one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/train/packed_sequences.h"
#include "actors/train/role.h"
#include "actors/train/stage.h"
#include "tests/actors/actor_test.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {

class TinyRoles : public ActorTest {
 protected:
  // Must be called before any actor is made: who will send tensors to whom.
  void plan(const std::vector<std::string>& addresses) {
    TransportMap map;
    map.endpoint_of_node["here"] = "";
    for (const auto& address : addresses) map.node_of_address[address] = "here";
    transport = std::make_unique<Transport>("here", map, [](const std::string&) {});
  }

  // The stages of a role, with weights of this seed.
  std::vector<Stage> role(const std::string& name, int num_stages, Head head = Head::log_prob,
                          uint64_t seed = 1, const std::string& weight_store = "",
                          int64_t num_registers = 3) {
    std::vector<Stage> stages;
    for (int i = 0; i < num_stages; ++i) {
      StageConfig config;
      config.role = name;
      config.model = tiny_llama_config();
      config.options.model.head = head;
      config.mesh.pipeline = num_stages;
      config.point.pipeline = i;
      config.options.trainable = Trainable::yes;
      config.seed = seed;
      config.num_registers = num_registers;
      config.weight_store = weight_store;
      config.transport = transport.get();
      config.compute = compute;
      stages.push_back(spawn(stage, config));
      add(stage_address(name, config.mesh, config.point), stages.back());
    }
    for (const auto& each : stages) EXPECT_TRUE(ask<StageDone>(each, LoadWeights{}));
    return stages;
  }

  template <class Actor>
  void add(const std::string& address, const Actor& actor) {
    peers.actors[address] = caf::actor_cast<caf::strong_actor_ptr>(actor);
    if constexpr (caf::detail::tl_contains<typename Actor::signatures,
                                           caf::reacts_to<TensorMessage>>::value)
      transport->add_local(address, caf::actor_cast<TensorInlet>(actor));
  }

  // All stages' part of one message, as a role's asker sees them.
  template <class Reply, class Message>
  std::vector<Reply> ask_stages(const std::vector<Stage>& stages, const Message& message) {
    std::vector<Reply> replies;
    auto collect = [&](auto&& request) {
      request.receive([&](Reply& reply) { replies.push_back(std::move(reply)); },
                      [&](caf::error& error) { ADD_FAILURE() << text_of(error); });
    };
    std::vector<decltype(self->request(stages[0], caf::infinite, message))> requests;
    for (const auto& each : stages) requests.push_back(self->request(each, caf::infinite, message));
    scheduler.run();
    for (auto& request : requests) collect(request);
    return replies;
  }

  // The result of a batch of this role.
  BatchResult run(const std::vector<Stage>& stages, LossSpec loss,
                  const std::vector<MicroBatch>& micro_batches) {
    return combine(ask_stages<BatchResult>(stages, RunBatch{next_batch++, loss, micro_batches}));
  }

  CoreGate gate;
  std::shared_ptr<Compute> compute = std::make_shared<Compute>(1, 1, gate);
  std::unique_ptr<Transport> transport;
  Peers peers;
  int64_t next_batch = 0;
};

// Responses of several lengths, packed as a step's are.
inline PackedSequences some_packs(int num_sequences, int64_t max_tokens = 24) {
  std::vector<TrainingSequence> sequences;
  for (int i = 0; i < num_sequences; ++i)
    sequences.push_back(response_sequence(some_ids(2 + i % 3, i), some_ids(3 + i % 7, i + 50)));
  return PackedSequences(std::move(sequences), PackOrder::best_fit, max_tokens, 8);
}

inline LossSpec nll_spec() {
  LossSpec loss;
  loss.kind = LossKind::nll;
  loss.scale = 0.01f;
  return loss;
}

}  // namespace troupe
