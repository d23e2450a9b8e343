// Who gets through the door of a cluster, and whom a node follows in: proofs made by hand, files
// of secrets, and two real actor systems over loopback.
#include "actors/cluster/join.h"

#include <caf/io/middleman.hpp>
#include <filesystem>
#include <set>

#include "storage/fingerprint.h"
#include "tests/actors/actor_test.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

const std::string kSecret = "the secret of this cluster";
const std::string kRefused = "the secret is not this cluster's";

NodeSettings settings() {
  NodeSettings settings;
  settings.plan.nodes = {{"trainer-0", "ipc://a", 2, "host-a"}};
  settings.run_dir = "/runs/x";
  settings.runtime_dir = "/tmp/x";
  settings.heartbeat_interval_ms = 250;
  settings.heartbeat_limit_ms = 750;
  settings.model = "models/a";
  settings.model_fingerprint = "0123";
  return settings;
}

class JoinTest : public ActorTest {
 protected:
  Challenge greet(const std::string& node) {
    const auto challenge = ask<Challenge>(door, Hello{node, "nonce of the node"});
    EXPECT_TRUE(challenge);
    return *challenge;
  }

  static std::string proof(const std::string& secret, const std::string& node,
                           const Challenge& challenge) {
    return join_proof(secret, "node", node, "nonce of the node", challenge.nonce);
  }

  // Why the door does not open; empty if it does.
  std::string refusal(const std::string& node, const std::string& proof,
                      const std::string& program = program_checksum()) {
    const auto welcome = ask<Welcome>(door, Prove{node, proof, program});
    return welcome ? "" : text_of(welcome.error());
  }

  Directory directory = spawn(troupe::directory);
  Door door = spawn(troupe::door,
                    door_of_run(kSecret, settings(), directory, caf::actor_cast<Supervisor>(self)));
};

TEST_F(JoinTest, ANodeOfThePlanThatKnowsTheSecretIsWelcome) {
  const auto challenge = greet("trainer-0");
  const auto welcome = ask<Welcome>(
      door, Prove{"trainer-0", proof(kSecret, "trainer-0", challenge), program_checksum()});
  ASSERT_TRUE(welcome) << text_of(welcome.error());
  EXPECT_EQ(welcome->settings, to_json(settings()));
  EXPECT_EQ(welcome->directory, caf::actor_cast<caf::strong_actor_ptr>(directory));
  EXPECT_EQ(welcome->supervisor, caf::actor_cast<caf::strong_actor_ptr>(self));
}

TEST_F(JoinTest, AWrongSecretIsRefused) {
  const auto challenge = greet("trainer-0");
  EXPECT_EQ(refusal("trainer-0", proof("another secret", "trainer-0", challenge)), kRefused);
}

TEST_F(JoinTest, ATamperedProofIsRefused) {
  for (const auto& tamper : std::vector<std::function<void(std::string&)>>{
           [](std::string& proof) { proof.back() ^= 1; },
           [](std::string& proof) { proof.pop_back(); }, [](std::string& proof) { proof += '0'; },
           [](std::string& proof) { proof.clear(); }}) {
    auto tampered = proof(kSecret, "trainer-0", greet("trainer-0"));
    tamper(tampered);
    EXPECT_EQ(refusal("trainer-0", tampered), kRefused) << tampered;
  }
}

TEST_F(JoinTest, AProofIsGoodOnceAndForItsOwnChallengeAlone) {
  const auto first = proof(kSecret, "trainer-0", greet("trainer-0"));
  EXPECT_EQ(refusal("trainer-0", first), "");
  EXPECT_EQ(refusal("trainer-0", first), kRefused);
  greet("trainer-0");
  EXPECT_EQ(refusal("trainer-0", first), kRefused);
}

TEST_F(JoinTest, TheLaunchersOwnProofDoesNotServeTheNode) {
  const auto challenge = greet("trainer-0");
  EXPECT_EQ(challenge.proof,
            join_proof(kSecret, "launcher", "trainer-0", "nonce of the node", challenge.nonce));
  EXPECT_EQ(refusal("trainer-0", challenge.proof), kRefused);
}

TEST(JoinProofTest, IsOverTheSecretTheSpeakerTheNodeAndBothNonces) {
  std::set<std::string> proofs = {join_proof("a", "b", "c", "d", "e")};
  for (size_t changed = 0; changed < 5; ++changed) {
    std::vector<std::string> parts = {"a", "b", "c", "d", "e"};
    parts[changed] = "x";
    proofs.insert(join_proof(parts[0], parts[1], parts[2], parts[3], parts[4]));
  }
  EXPECT_EQ(proofs.size(), 6u);
}

// Two runs may knock at once, and both under the same name.
TEST_F(JoinTest, TwoOfOneNameDoNotDisturbEachOther) {
  const auto first = greet("trainer-0");
  caf::scoped_actor other{system};
  auto request = other->request(door, caf::infinite, Hello{"trainer-0", "another nonce"});
  scheduler.run();
  request.receive([](const Challenge&) {}, [](const caf::error& e) { FAIL() << text_of(e); });
  EXPECT_EQ(refusal("trainer-0", proof(kSecret, "trainer-0", first)), "");
}

TEST_F(JoinTest, AProofFromAnotherThanWhoSaidHelloIsRefused) {
  const auto challenge = greet("trainer-0");
  caf::scoped_actor other{system};
  auto request = other->request(
      door, caf::infinite,
      Prove{"trainer-0", proof(kSecret, "trainer-0", challenge), program_checksum()});
  scheduler.run();
  request.receive([](const Welcome&) { FAIL() << "it was let in"; }, [](const caf::error&) {});
}

TEST_F(JoinTest, AProofForAnotherNodeIsRefused) {
  const auto challenge = greet("trainer-0");
  greet("trainer-1");
  EXPECT_EQ(refusal("trainer-1", proof(kSecret, "trainer-0", challenge)), kRefused);
}

TEST_F(JoinTest, AProofWithoutAChallengeIsRefused) {
  EXPECT_EQ(refusal("trainer-0", proof(kSecret, "trainer-0", {})), kRefused);
}

TEST_F(JoinTest, ANodeThatThePlanDoesNotKnowIsRefusedByName) {
  const auto challenge = greet("stranger");
  EXPECT_EQ(refusal("stranger", proof(kSecret, "stranger", challenge)),
            "the plan has no node stranger");
}

TEST_F(JoinTest, ANodeThatRunsAnotherProgramIsRefusedWithBothChecksums) {
  const auto challenge = greet("trainer-0");
  EXPECT_EQ(
      refusal("trainer-0", proof(kSecret, "trainer-0", challenge), "0123456789abcdef"),
      "trainer-0 runs another troupe: the checksum of its program is 0123456789abcdef, of the "
      "cluster's " +
          program_checksum());
}

// Who does not know the secret is told nothing about the program.
TEST_F(JoinTest, TheSecretComesBeforeTheProgram) {
  const auto challenge = greet("trainer-0");
  EXPECT_EQ(refusal("trainer-0", proof("another secret", "trainer-0", challenge), "another"),
            kRefused);
}

TEST(CheckModelTest, AnotherModelThanTheLaunchersIsRefusedWithBothFingerprints) {
  const TemporaryFolder folder;
  auto settings = troupe::settings();
  settings.model = folder / "model.gguf";
  rewrite(settings.model, "weights");
  settings.model_fingerprint = fingerprint(settings.model);
  check_model(settings);
  rewrite(settings.model, "heights");
  const auto error = error_of([&] { check_model(settings); });
  for (const auto& part : {settings.model, settings.model_fingerprint, fingerprint(settings.model)})
    EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(NodeSettingsTest, JsonKeepsEveryField) {
  const auto again = settings_from_json(to_json(settings()));
  EXPECT_EQ(again.plan.nodes.at(0).compute_threads, 2);
  EXPECT_EQ(again.run_dir, "/runs/x");
  EXPECT_EQ(again.runtime_dir, "/tmp/x");
  EXPECT_EQ(again.heartbeat_interval_ms, 250);
  EXPECT_EQ(again.heartbeat_limit_ms, 750);
  EXPECT_EQ(again.trace_interval_ms, 500);
  EXPECT_EQ(again.model, "models/a");
  EXPECT_EQ(again.model_fingerprint, "0123");
  EXPECT_NE(error_of([] { settings_from_json("{}"); }).find("malformed node settings"),
            std::string::npos);
}

TEST(SecretTest, IsReadFromAFileOfItsOwnersAlone) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const auto path = folder / "secret";
  const auto secret = write_secret(path);
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(read_secret(path), secret);
  EXPECT_NE(write_secret(folder / "another"), secret);
  EXPECT_THROW(write_secret(path), Error);  // never over one that is there
  fs::permissions(path, fs::perms::group_read, fs::perm_options::add);
  EXPECT_NE(error_of([&] { read_secret(path); }).find("nobody else can read"), std::string::npos);
  fs::permissions(path, fs::perms::group_read, fs::perm_options::remove);
  rewrite(folder / "another", "short");
  fs::permissions(folder / "another", fs::perms::owner_read);
  EXPECT_NE(error_of([&] { read_secret(folder / "another"); }).find("found 5"), std::string::npos);
}

// A launcher's door on a real port.
class JoinOverLoopbackTest : public testing::Test {
 protected:
  JoinOverLoopbackTest() {
    const auto published = launcher.middleman().publish(door, 0, "127.0.0.1");
    CHECK(published);
    port = *published;
  }
  ~JoinOverLoopbackTest() override {
    launcher.middleman().unpublish(door, port);
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(door), caf::actor_cast<caf::actor>(directory)})
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }

  Welcome enter_with(const std::string& secret) {
    return enter(node, "127.0.0.1", port, "trainer-0", secret);
  }
  Joined join_with(const std::string& secret) {
    return join(node, "127.0.0.1", port, "trainer-0", secret);
  }

  SystemConfig launcher_config, node_config;
  caf::actor_system launcher{launcher_config.with_network()};
  caf::actor_system node{node_config.with_network()};
  Directory directory = launcher.spawn(troupe::directory);
  Door door = launcher.spawn(troupe::door, door_of_run(kSecret, settings(), directory, {}));
  uint16_t port = 0;
};

TEST_F(JoinOverLoopbackTest, TheNodeGetsTheLaunchersSettingsAndDirectory) {
  const auto welcome = enter_with(kSecret);
  EXPECT_EQ(welcome.settings, to_json(settings()));
  EXPECT_EQ(welcome.directory->id(), directory->id());
}

TEST_F(JoinOverLoopbackTest, ANodeWithoutTheLaunchersModelIsRefused) {
  EXPECT_NE(error_of([&] { join_with(kSecret); }).find("models/a"), std::string::npos);
}

TEST_F(JoinOverLoopbackTest, ANodeDoesNotFollowALauncherThatDoesNotKnowItsSecret) {
  EXPECT_NE(error_of([&] { join_with("another secret"); }).find("has another secret than ours"),
            std::string::npos);
}

}  // namespace
}  // namespace troupe
