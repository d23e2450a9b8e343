// A journal of records in RocksDB, numbered from 0. One process writes it; others may read it at
// the same time, or after the writer's death, without a lock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rocksdb {
class DB;
}

namespace troupe {

class Journal {
 public:
  enum class Durability {
    process_crash,  // in the kernel's hands: survives kill -9
    power_loss,     // on the disk: waits for fsync
  };
  using Visit = std::function<void(int64_t number, std::string_view record)>;

  // Opens for writing; goes on behind the last record. Throws if another process writes it.
  explicit Journal(const std::string& folder);
  ~Journal();

  int64_t append(std::string_view record, Durability durability);  // returns the record's number
  void replace_last(std::string_view record);                      // there must be one
  void replay(const Visit& visit) const;
  int64_t num_records() const { return num_records_; }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  int64_t num_records_ = 0;
};

// What stands in the journal at the moment of opening.
class JournalReader {
 public:
  explicit JournalReader(const std::string& folder);  // throws if there is no journal
  ~JournalReader();

  void replay(const Journal::Visit& visit) const;
  std::optional<std::string> last() const;
  std::string at(int64_t number) const;  // throws if there is none
  int64_t num_records() const;
  // From the last record backwards, until `visit` returns false.
  void replay_backwards(const std::function<bool(std::string_view record)>& visit) const;

 private:
  std::string scratch_folder_;  // RocksDB's own log of this reader
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace troupe
