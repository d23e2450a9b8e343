@0xb7c4e1f2a9d35586;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

# What a node's tracer knows about its process at one moment. Times are in nanoseconds.
struct NodeRecord {
  node @0 :Text;
  pid @1 :Int64;
  host @2 :Text;
  system @3 :Text;            # CAF's name of the process, as it stands in other nodes' edges
  wallTimeNs @4 :Int64;       # since 1970, UTC
  step @5 :Int64;             # the training step that was running, -1 before the first
  final @6 :Bool;             # the node was leaving in order
  actors @7 :List(ActorRecord);
  processStart @8 :UInt64;    # of the pid, from /proc: tells a reused pid
  steadyNs @9 :Int64;         # the host's steady clock at wallTimeNs
  peakMemory @10 :List(GaugeRecord);  # bytes of tensors, at most so far, by class and in all
}

struct ActorRecord {
  id @0 :UInt64;
  address @1 :Text;
  kind @2 :Text;
  type @3 :Text;
  exitReason @4 :Text;        # empty: it lived
  mailboxDepth @5 :Int64;
  oldestMessageNs @6 :Int64;
  currentHandlerNs @7 :Int64;
  lifetimeNs @8 :Int64;
  edges @9 :List(EdgeRecord);
  waits @10 :List(WaitRecord);
  gauges @11 :List(GaugeRecord);
  handled @12 :List(HandledRecord);  # since the step before, in the step's last record only
  work @13 :List(WorkRecord);        # likewise
}

# What the actor asked for and had not got.
struct WaitRecord {
  whom @0 :Text;
  what @1 :Text;
  sinceNs @2 :Int64;          # steady clock, as all that follows
}

struct GaugeRecord {
  name @0 :Text;
  value @1 :Float64;
}

struct HandledRecord {
  edge @0 :UInt32;            # index into the actor's edges
  arrivedNs @1 :Int64;
  startNs @2 :Int64;
  endNs @3 :Int64;
}

struct WorkRecord {
  label @0 :Text;
  startNs @1 :Int64;
  endNs @2 :Int64;
}

struct EdgeRecord {
  senderSystem @0 :Text;
  sender @1 :UInt64;          # 0: nobody
  message @2 :Text;
  count @3 :Int64;
  handlerNs @4 :Int64;
  p50Ns @5 :Int64;
  p99Ns @6 :Int64;
  senderAddress @7 :Text;     # of tensors, which carry it themselves; else empty
  bytes @8 :Int64;            # of tensors
  lastNs @9 :Int64;           # when the last message was handled, steady clock
}
