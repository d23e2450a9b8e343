// all_reduce between two processes of this host, in turn with a plain copy of as many bytes by one
// of them and, where troupe was built with it, with Gloo's all_reduce.
//
//   collectives_bench ROUNDS MEGABYTES...   prints a row for each size
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "benchmarks/collectives/rival.h"
#include "benchmarks/timing.h"
#include "devices/cpu/buffer.h"
#include "devices/cpu/shared_memory_group.h"

namespace troupe {
namespace {

constexpr int kRanks = 2;

class Rounds {
 public:
  Rounds(const std::string& folder, int rank)
      : group_({.group = "benchmark",
                .folder = folder,
                .name = "group",
                .rank = rank,
                .size = kRanks}),
        gloo_(gloo_all_reduce(folder, rank, kRanks)) {}

  void measure(int num_rounds, int64_t megabytes) {
    const size_t bytes = static_cast<size_t>(megabytes) << 20;
    Buffer values(bytes), copy(bytes);
    const std::span<float> all(values.as<float>(), bytes / sizeof(float));
    std::ranges::fill(all, group_.rank() == 0 ? 1.0f : -1.0f);
    copy.fill_zero();
    const std::function<void()> work[] = {[&] { group_.all_reduce(all, Presence::present); },
                                          [&] {
                                            if (group_.rank() == 0)
                                              std::memcpy(copy.data(), values.data(), bytes);
                                          },
                                          [&] {
                                            if (gloo_) gloo_(all);
                                          }};
    std::vector<double> seconds[3];
    for (int round = -1; round < num_rounds; ++round)
      for (int i = 0; i < 3; ++i) {
        const int turn = round % 2 == 0 ? i : 2 - i;
        group_.barrier();
        const double taken = time_of(work[turn]);
        if (round >= 0) seconds[turn].push_back(taken);
      }
    CHECK(all.front() == 0 && all.back() == 0, all.front(), all.back());
    if (group_.rank() == 0) print(megabytes, seconds);
  }

 private:
  void print(int64_t megabytes, const std::vector<double> (&seconds)[3]) const {
    const auto rate = [&](int i) {
      return static_cast<double>(megabytes << 20) / quantile(seconds[i], 0.5) * 1e-9;
    };
    const auto against = [&](int i) {
      std::vector<double> ratios;
      for (size_t round = 0; round < seconds[0].size(); ++round)
        ratios.push_back(seconds[i][round] / seconds[0][round]);
      return spread_of(ratios);
    };
    const Spread copy = against(1), gloo = against(2);
    printf("| all_reduce f32, %d processes | %ld | %.2f | %.2f | %.2f (%.2f, %.2f) |", kRanks,
           megabytes, rate(0), rate(1), copy.median, copy.low, copy.high);
    if (gloo_)
      printf(" %.2f | %.2f (%.2f, %.2f) |\n", rate(2), gloo.median, gloo.low, gloo.high);
    else
      printf(" | |\n");
    fflush(stdout);
  }

  SharedMemoryGroup group_;
  AllReduce gloo_;
};

void run(const std::string& folder, int rank, int num_arguments, char** arguments) {
  time_threads(kRanks);
  Rounds rounds(folder, rank);
  for (int i = 1; i < num_arguments; ++i)
    rounds.measure(std::atoi(arguments[0]), std::atoll(arguments[i]));
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  char folder[] = "/dev/shm/troupe-benchmark-XXXXXX";
  CHECK(argc > 2 && mkdtemp(folder) != nullptr, argc, folder);
  const pid_t child = fork();
  troupe::run(folder, child == 0 ? 1 : 0, argc - 1, argv + 1);
  if (child == 0) return 0;
  int status = -1;
  waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  return status == 0 ? 0 : 1;
}
