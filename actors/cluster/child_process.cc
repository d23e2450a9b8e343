#include "actors/cluster/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/error.h"

extern char** environ;

namespace troupe {
namespace {

// The child's files and signal state: a log instead of the terminal, nothing blocked or ignored.
class SpawnSettings {
 public:
  SpawnSettings(const std::string& log_file, int inherited) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (inherited >= 0)  // onto itself: stays open in the child
      posix_spawn_file_actions_adddup2(&files, inherited, inherited);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }

  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

pid_t spawn_program(const std::vector<std::string>& command, const std::string& log_file,
                    int inherited) {
  SpawnSettings settings(log_file, inherited);
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  int number = posix_spawn(&pid, arguments[0], &settings.files, &settings.attributes,
                           arguments.data(), environ);
  std::string reason = std::strerror(number);
  CHECK(number == 0, command[0], log_file, reason);
  return pid;
}

// Leaves the pid taken, so that a later kill() cannot hit a stranger.
ExitStatus wait_without_reaping(pid_t pid) {
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  return {.by_signal = info.si_code != CLD_EXITED, .number = info.si_status};
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command, std::string log_file, OnExit on_exit,
                           int inherited) {
  CHECK(!command.empty());
  std::promise<pid_t> started;
  auto pid = started.get_future();
  watcher_ = std::thread([&started, command = std::move(command), log_file = std::move(log_file),
                          on_exit = std::move(on_exit), inherited, this] {
    pid_t child = 0;
    try {
      child = spawn_program(command, log_file, inherited);
    } catch (...) {
      return started.set_exception(std::current_exception());
    }
    started.set_value(child);
    auto status = wait_without_reaping(child);
    dead_.set_value();
    on_exit(status);
  });
  try {
    pid_ = pid.get();
  } catch (...) {
    watcher_.join();
    throw;
  }
}

ChildProcess::~ChildProcess() {
  kill(pid_, SIGKILL);  // of a dead child, not yet reaped: no effect
  watcher_.join();
  waitpid(pid_, nullptr, 0);
}

void ChildProcess::terminate() {
  kill(pid_, SIGTERM);
}

bool ChildProcess::wait_until(std::chrono::steady_clock::time_point deadline) const {
  return is_dead_.wait_until(deadline) == std::future_status::ready;
}

std::string own_program() {
  auto path = std::filesystem::read_symlink("/proc/self/exe").string();
  return std::filesystem::exists(path) ? path : "/proc/self/exe";  // rebuilt while it ran
}

}  // namespace troupe
