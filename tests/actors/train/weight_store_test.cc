#include "actors/train/weight_store.h"

#include "graph/models/initial_weights.h"
#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;

// A follower that takes everything and says nothing.
struct Follower {
  std::map<std::string, TensorMessage> weights;
  std::vector<VersionComing> announced;
};

class WeightStoreTest : public TinyRoles {
 protected:
  void SetUp() override {
    plan({"policy/pp0", "policy/pp1", "weight_store/policy", "rollout/0", "rollout/1"});
    stages = role("policy", 2, Head::log_prob, 1, "weight_store/policy");
    for (const char* address : {"rollout/0", "rollout/1"}) spawn_follower(address);
    store = spawn(weight_store, WeightStoreConfig{"weight_store/policy",
                                                  {"policy/pp0", "policy/pp1"},
                                                  {"rollout/0", "rollout/1"},
                                                  transport.get()});
    add("weight_store/policy", store);
    self->send(store, peers);
    scheduler.run();
  }

  void spawn_follower(const std::string& address) {
    auto& follower = followers[address];
    const auto actor = spawn([&follower](caf::event_based_actor*) {
      return caf::behavior{
          [&](const TensorMessage& message) { follower.weights[message.stream] = message; },
          [&](const VersionComing& coming) { follower.announced.push_back(coming); }};
    });
    peers.actors[address] = caf::actor_cast<caf::strong_actor_ptr>(actor);
    transport->add_local(address, caf::actor_cast<TensorInlet>(peers.actors[address]));
  }

  auto publish(int64_t version) {
    auto request = self->request(store, 60s, PublishVersion{version});
    scheduler.run();
    return request;
  }

  void report_loaded(int64_t version, const std::string& follower) {
    self->send(store, VersionLoaded{version, follower});
    scheduler.run();
  }

  // Whom the store waits for, as the topology has it.
  std::vector<std::string> waits() {
    std::vector<std::string> whom;
    for (const auto& probe : config.trace_book.probes()) {
      const auto stats = probe->stats();
      if (stats.id != store->id()) continue;
      for (const auto& wait : stats.waits) whom.push_back(wait.whom + ": " + wait.what);
    }
    return whom;
  }

  std::vector<Stage> stages;
  std::map<std::string, Follower> followers;
  WeightStore store;
  std::string reason;  // of an actor's end
};

TEST_F(WeightStoreTest, EveryFollowerGetsAllWeightsBitForBitAndIsToldTheirNumber) {
  publish(3);
  const auto config = tiny_llama_config();
  const auto expected = initial_weights(config, 1);
  for (const auto& [address, follower] : followers) {
    ASSERT_EQ(follower.announced.size(), 1u) << address;
    EXPECT_EQ(follower.announced[0].version, 3);
    EXPECT_EQ(follower.announced[0].num_weights, static_cast<int64_t>(follower.weights.size()));
    EXPECT_EQ(follower.announced[0].weight_store, caf::actor_cast<caf::strong_actor_ptr>(store));
    EXPECT_EQ(follower.weights.size(), 29u) << "three layers of nine, a norm and a tied embedding";
    for (const auto& [weight, message] : follower.weights) {
      std::vector<float> values(message.tensor.as<float>().size());
      expected(weight, values);
      EXPECT_TRUE(std::ranges::equal(message.tensor.as<float>(), values)) << weight;
      EXPECT_EQ(message.sequence, 3);
      EXPECT_EQ(message.sender, "weight_store/policy");
    }
  }
}

TEST_F(WeightStoreTest, TheTopologyIsToldWhichFollowersItWaitsFor) {
  publish(3);
  EXPECT_EQ(waits(), (std::vector<std::string>{"rollout/0: loading of version 3",
                                               "rollout/1: loading of version 3"}));
  report_loaded(3, "rollout/0");
  EXPECT_EQ(waits(), std::vector<std::string>{"rollout/1: loading of version 3"});
  report_loaded(3, "rollout/1");
  EXPECT_TRUE(waits().empty());
}

TEST_F(WeightStoreTest, AnUpdateIsInTheNextVersionAndNotInTheTensorsOfTheLast) {
  publish(0);
  const auto before = followers["rollout/0"].weights.at("model.norm.weight").tensor;
  for (const char* address : {"rollout/0", "rollout/1"}) report_loaded(0, address);
  run(stages, nll_spec(), some_packs(3).micro_batches());
  ApplyUpdate update;
  update.step = 1;
  update.lr = 0.05;
  ask_stages<StageDone>(stages, update);
  EXPECT_EQ(before.as<float>()[0], 1);
  publish(1);
  EXPECT_NE(followers["rollout/0"].weights.at("model.norm.weight").tensor.as<float>()[0], 1);
}

TEST_F(WeightStoreTest, TheAnswerComesOnceEveryFollowerHoldsThisVersion) {
  auto request = publish(3);
  report_loaded(3, "rollout/0");
  report_loaded(3, "rollout/0");  // twice the same is not all
  report_loaded(2, "rollout/1");  // late news of another version
  EXPECT_FALSE(self->has_next_message());
  report_loaded(3, "rollout/1");
  ASSERT_TRUE(self->has_next_message());
  request.receive([](StageDone&) {}, [](caf::error& error) { ADD_FAILURE() << text_of(error); });
}

TEST_F(WeightStoreTest, AStageThatIsGoneIsNamedInTheAnswer) {
  kill(stages[1]);
  auto request = publish(3);
  ASSERT_TRUE(self->has_next_message());
  request.receive([](StageDone&) { ADD_FAILURE() << "half of the weights is no version"; },
                  [](caf::error& error) {
                    EXPECT_EQ(text_of(error).rfind("policy/pp1: ", 0), 0u) << text_of(error);
                  });
  EXPECT_TRUE(followers["rollout/0"].announced.empty());
}

TEST_F(WeightStoreTest, TwoVersionsAtOnceEndTheStoreWithBothNumbers) {
  store->attach_functor([this](const caf::error& error) { reason = text_of(error); });
  publish(3);
  publish(4);
  EXPECT_NE(reason.find("version = 3, new_version = 4"), std::string::npos) << reason;
}

}  // namespace
}  // namespace troupe
