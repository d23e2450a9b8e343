#include "apps/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace troupe {
namespace {

constexpr int kBarWidth = 24;
constexpr const char* kEraseLine = "\r\x1b[K";

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[96];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string bar(const StepReport& report) {
  const double share = report.total_steps > 0 ? static_cast<double>(report.step) /
                                                    static_cast<double>(report.total_steps)
                                              : 0;
  const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "] ";
}

std::string time_left(const StepReport& report) {
  if (report.step <= 0 || report.step >= report.total_steps) return "";
  const double per_step = report.elapsed_seconds / static_cast<double>(report.step);
  return "  " + duration_text(per_step * static_cast<double>(report.total_steps - report.step)) +
         " left";
}

int columns_of(int file_descriptor) {
  winsize size = {};
  return ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 90) return formatted("%.0f s", seconds);
  if (seconds < 90 * 60) return formatted("%.0f min", seconds / 60);
  return formatted("%.1f h", seconds / 3600);
}

std::string progress_line(const StepReport& report, int columns) {
  std::string line = report.phase + " " + (columns > 0 ? bar(report) : "") +
                     std::to_string(report.step) + "/" + std::to_string(report.total_steps);
  if (report.loss) line += formatted("  loss %.4f", *report.loss);
  if (report.reward) line += formatted("  reward %.3f", *report.reward);
  if (report.kl) line += formatted("  kl %.4f", *report.kl);
  if (report.tokens_per_second) line += formatted("  %.0f tokens/s", *report.tokens_per_second);
  line += time_left(report);
  if (columns > 0 && line.size() >= static_cast<size_t>(columns)) line.resize(columns - 1);
  return line;
}

Progress::Progress(int file_descriptor)
    : file_descriptor_(file_descriptor), is_terminal_(isatty(file_descriptor) == 1) {}

Progress::~Progress() {
  if (!bar_.empty()) write("\n");
}

void Progress::show(const StepReport& report) {
  if (!is_terminal_) return write(progress_line(report) + "\n");
  bar_ = progress_line(report, columns_of(file_descriptor_));
  write(kEraseLine + bar_);
}

void Progress::note(const std::string& line) {
  write(bar_.empty() ? line + "\n" : kEraseLine + line + "\n" + bar_);
}

void Progress::write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file_descriptor_, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

}  // namespace troupe
