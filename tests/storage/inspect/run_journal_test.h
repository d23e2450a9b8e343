// The journals of a small run, for tests of those who read them.
#pragma once

#include <gtest/gtest.h>

#include "storage/journal/journal.h"
#include "storage/journal/node_record.h"
#include "tests/temporary_folder.h"

namespace troupe {

// A run of two nodes: the coordinator on "a" asks a stage on "b" once a step. A step takes 100 ns.
class RunJournalTest : public testing::Test {
 protected:
  RunJournalTest() {
    Journal a(run.path() + "/journal/a"), b(run.path() + "/journal/b");
    for (int64_t step = 0; step <= 3; ++step) {
      a.append(encode(coordinator_node(step)), Journal::Durability::process_crash);
      b.append(encode(stage_node(step)), Journal::Durability::process_crash);
    }
  }

  static NodeRecord coordinator_node(int64_t step) {
    ActorRecord actor{.id = 1, .address = "coordinator", .kind = "coordinator"};
    actor.work = {{"step " + std::to_string(step), 100 * step, 100 * step + 100}};
    return {.node = "a", .system = "A", .step = step, .actors = {actor}};
  }

  // What it did in a step stands in the record of the step before: it heard late of the new one.
  static NodeRecord stage_node(int64_t step) {
    ActorRecord actor{.id = 1, .address = "policy/pp0", .kind = "stage"};
    actor.edges = {{.sender_system = "A", .sender = 1, .message = "troupe::RunBatch"}};
    const int64_t next = 100 * (step + 1);
    actor.handled = {{0, next + 20, next + 30, next + 40}};
    actor.work = {{"F0", next + 32, next + 38}};
    return {.node = "b", .system = "B", .step = step, .actors = {actor}};
  }

  TemporaryFolder run;
};

}  // namespace troupe
