// What `troupe node` does: is a member of a resident cluster until the cluster ends, or it is told
// to leave.
#pragma once

#include <sys/types.h>

#include <string>

namespace troupe {

struct MemberOptions {
  std::string join;  // the cluster, "host:port"
  std::string name;
  std::string secret_file;
  std::string address;      // at which other members reach this host; empty: as the cluster does
  std::string log_file;     // empty: standard output
  std::string runtime_dir;  // shared by this host's members; empty: one of its own
  int slots = 0;            // node processes at once; 0: what the cluster's config says
  pid_t parent = 0;         // who started us, if we are to die with it
};

// Throws UsageError for an address that is none and a secret that cannot be read or is none.
void check_member_options(const MemberOptions& options);

// Ends the process: status 0 if it left in order, 1 otherwise.
[[noreturn]] void run_member(const MemberOptions& options);

}  // namespace troupe
