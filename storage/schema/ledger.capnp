@0xe2a6c7d9b1f04835;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

# What a run's ledger notes, in the order in which it happened.
struct LedgerRecord {
  union {
    trajectory @0 :TrajectoryRecord;  # generated
    scores @1 :ScoresRecord;          # judged
    commit @2 :CommitRecord;          # will be trained on in this step, and never again
    forgetStepsAfter @3 :Int64;       # the run went on from this step's checkpoint
  }
}

struct TrajectoryRecord {
  promptId @0 :Int64;
  sampleIndex @1 :Int32;
  step @2 :Int64;
  weightVersion @3 :Int64;
  promptIds @4 :List(Int32);
  responseIds @5 :List(Int32);
  logProbs @6 :List(Float32);
  truncated @7 :Bool;
}

struct ScoresRecord {
  step @0 :Int64;
  promptIds @1 :List(Int64);
  sampleIndices @2 :List(Int32);
  scores @3 :List(Float32);
}

struct CommitRecord {
  step @0 :Int64;
  promptIds @1 :List(Int64);
  sampleIndices @2 :List(Int32);
}
