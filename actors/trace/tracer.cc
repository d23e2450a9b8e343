#include "actors/trace/tracer.h"

namespace troupe {

void TracerState::write(const caf::actor_system& system, Activity activity, bool final) {
  auto record = encode(snapshot(system, config.node, step, final, activity));
  bool same_step = step == last_written_step && journal->num_records() > 0;
  if (same_step && !final)
    journal->replace_last(record);
  else
    journal->append(record,
                    final ? Journal::Durability::power_loss : Journal::Durability::process_crash);
  last_written_step = step;
}

Tracer::behavior_type tracer(Traced<Tracer, TracerState>* self, TracerConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.journal = std::make_unique<Journal>(state.config.journal_folder);
  self->send(self, Sample{});
  return {
      [=, &state](Sample) {
        state.write(self->system(), Activity::keep);
        if (state.config.interval.count() > 0)
          self->delayed_send(self, state.config.interval, Sample{});
      },
      [=, &state](const TrainingStep& step) {
        if (state.config.interval.count() > 0)
          state.write(self->system(), Activity::take);  // the step before, as it ended
        state.step = step.step;
      },
      [=, &state](FinalSample) {
        state.write(self->system(), Activity::take, true);
        self->quit();  // nothing may be written after the last record
        return FinalSampleWritten{};
      },
      [=, &state](GetStats) {
        return NodeStats{
            encode(snapshot(self->system(), state.config.node, state.step, false, Activity::keep))};
      },
  };
}

}  // namespace troupe
