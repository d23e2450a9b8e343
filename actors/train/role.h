// A role as its askers see it: the stages of one model, which together run a batch or take an
// optimizer step.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "actors/request.h"
#include "actors/train/stage.h"

namespace troupe {

// The reply of a whole role to a batch: all stages' parts as one.
BatchResult combine(std::vector<BatchResult> parts);

// The norm over all weights: squares are added by weight name.
double gradient_norm(const BatchResult& result);

// What to multiply gradients by so that their norm is at most `limit`; 0: no limit.
float clip_scale(double norm, double limit);

class Role {
 public:
  // `asker` tells apart the actors that give batches to this role: 0 to 31.
  Role(std::string name, std::vector<Peer<Stage>> stages, int asker)
      : name_(std::move(name)), stages_(std::move(stages)), next_batch_(int64_t{asker} << 38) {}
  Role() = default;

  const std::string& name() const { return name_; }
  const std::vector<Peer<Stage>>& stages() const { return stages_; }
  bool exists() const { return !stages_.empty(); }

  template <class Self, class OnDone>
  void run(Self* self, LossSpec loss, std::vector<MicroBatch> micro_batches, OnDone on_done,
           OnFailure on_failure) {
    RunBatch batch = {next_batch_++, std::move(loss), std::move(micro_batches)};
    ask_all<BatchResult>(
        self, stages_, batch,
        [on_done = std::move(on_done)](std::vector<BatchResult>&& parts) mutable {
          on_done(combine(std::move(parts)));
        },
        std::move(on_failure));
  }

  // Any message that every stage answers with StageDone; `on_done` gets the number of weights.
  template <class Self, class Message, class OnDone>
  void tell(Self* self, const Message& message, OnDone on_done, OnFailure on_failure) {
    ask_all<StageDone>(
        self, stages_, message,
        [on_done = std::move(on_done)](std::vector<StageDone>&& parts) mutable {
          int64_t num_weights = 0;
          for (const auto& part : parts) num_weights += part.num_weights;
          on_done(num_weights);
        },
        std::move(on_failure));
  }

 private:
  std::string name_;
  std::vector<Peer<Stage>> stages_;
  int64_t next_batch_ = 0;
};

}  // namespace troupe
