# The config of a resident cluster (`troupe launch CLUSTER.yaml`), as run_config.capnp is that of a run.
@0xa1c52b0e93f64d17;

using Cxx = import "/capnp/c++.capnp";
using Key = import "run_config.capnp";
$Cxx.namespace("troupe");

struct ClusterConfig {
  listen @0 :Text = "127.0.0.1:7433" $Key.doc("HOST:PORT at which nodes join and runs are handed in; port 0: any. Anything but loopback opens the cluster to a network (docs/security.md)");
  dir @1 :Text $Key.doc("folder of the cluster's logs and secret; empty: clusters/<config>-<UTC time>");
  secretFile @2 :Text $Key.doc("file of the cluster's secret, mode 0600, made if it is not there; empty: secret in the cluster's folder");
  nodes @3 :List(Node) $Key.doc("the members of the cluster; others may join by themselves");
  slots @4 :Int32 = 16 $Key.unit("processes") $Key.min(1) $Key.max(4096)
      $Key.doc("node processes of runs that a member hosts at once, unless it says otherwise");
  heartbeatIntervalSeconds @5 :Float64 = 1 $Key.unit("seconds") $Key.above(0) $Key.max(3600)
      $Key.doc("seconds between looks at the members");
  heartbeatLimitSeconds @6 :Float64 = 15 $Key.unit("seconds") $Key.above(0) $Key.max(86400)
      $Key.doc("seconds of silence after which a member counts as dead");
  joinLimitSeconds @7 :Float64 = 60 $Key.unit("seconds") $Key.above(0) $Key.max(86400)
      $Key.doc("seconds that a member may take from its start to its joining");
  maxRestarts @8 :Int32 = 3 $Key.unit("restarts") $Key.min(0) $Key.max(1000)
      $Key.doc("how often a member is started again within restart_window_seconds before it is given up");
  restartWindowSeconds @9 :Float64 = 300 $Key.unit("seconds") $Key.above(0)
      $Key.doc("seconds after which a restart is forgotten");
  stopLimitSeconds @10 :Float64 = 20 $Key.unit("seconds") $Key.above(0)
      $Key.doc("seconds that runs have to end in order when the cluster is stopped");

  enum Start {
    here @0 $Key.doc("the launcher starts it, on this host");
    ssh @1 $Key.doc("the launcher starts it on node.host by ssh");
    byItself @2 $Key.doc("somebody else starts it: troupe node --join, Slurm, MPI, Kubernetes");
  }

  struct Node {
    name @0 :Text $Key.doc("what the member is called");
    start @1 :Start = here $Key.doc("who starts it");
    slots @2 :Int32 = 0 $Key.unit("processes") $Key.min(0) $Key.max(4096)
        $Key.doc("node processes of runs that it hosts at once; 0: the cluster's slots");
    host @3 :Text $Key.doc("of start ssh: [user@]host as ssh takes it");
    program @4 :Text = "troupe" $Key.doc("of start ssh: the program's path on that host");
    secretFile @5 :Text $Key.doc("of start ssh: the secret's path on that host; empty: as here");
    workingDir @6 :Text $Key.doc("of start ssh: the folder to start in; empty: the home folder");
  }
}
