#include "storage/ledger/ledger.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>

#include "base/error.h"
#include "storage/schema/ledger.capnp.h"

namespace troupe {
namespace {

template <class List, class Values>
void fill(List list, const Values& values) {
  for (unsigned i = 0; i < values.size(); ++i) list.set(i, values[i]);
}

template <class Builder>
void fill_keys(Builder builder, std::span<const TrajectoryKey> keys) {
  auto prompt_ids = builder.initPromptIds(static_cast<unsigned>(keys.size()));
  auto sample_indices = builder.initSampleIndices(static_cast<unsigned>(keys.size()));
  for (unsigned i = 0; i < keys.size(); ++i) {
    prompt_ids.set(i, keys[i].prompt_id);
    sample_indices.set(i, keys[i].sample_index);
  }
}

void append(Journal& journal, capnp::MallocMessageBuilder& message,
            Journal::Durability durability) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  journal.append({reinterpret_cast<const char*>(bytes.begin()), bytes.size()}, durability);
}

Trajectory trajectory_of(wire::TrajectoryRecord::Reader record) {
  Trajectory trajectory;
  trajectory.key = {record.getPromptId(), record.getSampleIndex()};
  trajectory.step = record.getStep();
  trajectory.weight_version = record.getWeightVersion();
  for (int32_t id : record.getPromptIds()) trajectory.prompt_ids.push_back(id);
  for (int32_t id : record.getResponseIds()) trajectory.response_ids.push_back(id);
  for (float log_prob : record.getLogProbs()) trajectory.log_probs.push_back(log_prob);
  trajectory.truncated = record.getTruncated();
  return trajectory;
}

template <class Record>
TrajectoryKey key_at(Record record, unsigned i) {
  return {record.getPromptIds()[i], record.getSampleIndices()[i]};
}

void apply(wire::LedgerRecord::Reader record, std::map<TrajectoryKey, LedgerEntry>& entries) {
  switch (record.which()) {
    case wire::LedgerRecord::TRAJECTORY: {
      auto trajectory = trajectory_of(record.getTrajectory());
      entries[trajectory.key].trajectory = trajectory;
      break;
    }
    case wire::LedgerRecord::SCORES: {
      const auto scores = record.getScores();
      for (unsigned i = 0; i < scores.getScores().size(); ++i)
        entries[key_at(scores, i)].score = scores.getScores()[i];
      break;
    }
    case wire::LedgerRecord::COMMIT: {
      const auto commit = record.getCommit();
      for (unsigned i = 0; i < commit.getPromptIds().size(); ++i)
        entries[key_at(commit, i)].steps_trained.push_back(commit.getStep());
      break;
    }
    case wire::LedgerRecord::FORGET_STEPS_AFTER:
      std::erase_if(entries, [&](const auto& entry) {
        return entry.second.trajectory.step > record.getForgetStepsAfter();
      });
      break;
  }
}

}  // namespace

void Ledger::record(const Trajectory& trajectory) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<wire::LedgerRecord>().initTrajectory();
  record.setPromptId(trajectory.key.prompt_id);
  record.setSampleIndex(trajectory.key.sample_index);
  record.setStep(trajectory.step);
  record.setWeightVersion(trajectory.weight_version);
  const auto size = static_cast<unsigned>(trajectory.response_ids.size());
  fill(record.initPromptIds(static_cast<unsigned>(trajectory.prompt_ids.size())),
       trajectory.prompt_ids);
  fill(record.initResponseIds(size), trajectory.response_ids);
  fill(record.initLogProbs(static_cast<unsigned>(trajectory.log_probs.size())),
       trajectory.log_probs);
  record.setTruncated(trajectory.truncated);
  append(journal_, message, Journal::Durability::process_crash);
}

void Ledger::record_scores(int64_t step, std::span<const TrajectoryKey> keys,
                           std::span<const float> scores) {
  CHECK(keys.size() == scores.size(), keys.size(), scores.size());
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<wire::LedgerRecord>().initScores();
  record.setStep(step);
  fill_keys(record, keys);
  fill(record.initScores(static_cast<unsigned>(scores.size())), scores);
  append(journal_, message, Journal::Durability::process_crash);
}

void Ledger::commit_step(int64_t step, std::span<const TrajectoryKey> keys) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<wire::LedgerRecord>().initCommit();
  record.setStep(step);
  fill_keys(record, keys);
  append(journal_, message, Journal::Durability::power_loss);
}

void Ledger::forget_steps_after(int64_t step) {
  if (journal_.num_records() == 0) return;
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::LedgerRecord>().setForgetStepsAfter(step);
  append(journal_, message, Journal::Durability::power_loss);
}

std::map<TrajectoryKey, LedgerEntry> read_ledger(const std::string& folder) {
  std::map<TrajectoryKey, LedgerEntry> entries;
  JournalReader(folder).replay([&](int64_t number, std::string_view bytes) {
    CHECK(bytes.size() % sizeof(capnp::word) == 0, folder, number, bytes.size());
    std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));  // aligned copy
    std::memcpy(words.data(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
    apply(reader.getRoot<wire::LedgerRecord>(), entries);
  });
  return entries;
}

}  // namespace troupe
