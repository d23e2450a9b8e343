// How far a run is: a bar that is redrawn on a terminal, a plain line per step elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace troupe {

struct StepReport {
  std::string phase;  // "sft", "reward", "ppo"
  int64_t step = 0, total_steps = 0;
  double elapsed_seconds = 0;  // since the phase began
  std::optional<double> loss, reward, kl, tokens_per_second;
};

// "ppo 3/14  reward 0.512  kl 0.0213  1240 tokens/s  12 s left"; with `columns` > 0 a bar stands in
// front and the line is cut to that width.
std::string progress_line(const StepReport& report, int columns = 0);

// "45 s", "12 min", "3.5 h".
std::string duration_text(double seconds);

class Progress {
 public:
  explicit Progress(int file_descriptor = 1);
  ~Progress();  // leaves the last bar standing
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const StepReport& report);
  void note(const std::string& line);  // a line of its own, above the bar

 private:
  void write(const std::string& text);  // a reader that is gone does not end a run

  int file_descriptor_;
  bool is_terminal_;
  std::string bar_;  // on the screen, without a line end behind it
};

}  // namespace troupe
