#include "actors/cluster/stop_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"

namespace troupe {

StopSignals::StopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, &before_);
  signals_ = signalfd(-1, &stop, SFD_CLOEXEC);
  end_ = eventfd(0, EFD_CLOEXEC);
  CHECK(signals_ >= 0 && end_ >= 0, signals_, end_);
}

void StopSignals::listen(std::function<void(int)> on_signal) {
  thread_ = std::thread([this, on_signal = std::move(on_signal)] {
    pollfd sources[] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
    while (poll(sources, 2, -1) >= 0 && sources[1].revents == 0) {
      signalfd_siginfo info = {};
      if (read(signals_, &info, sizeof(info)) == sizeof(info))
        on_signal(static_cast<int>(info.ssi_signo));
    }
  });
}

void StopSignals::stop_listening() {
  eventfd_write(end_, 1);
  if (thread_.joinable()) thread_.join();
}

StopSignals::~StopSignals() {
  stop_listening();
  close(signals_);
  close(end_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace troupe
