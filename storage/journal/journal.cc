#include "storage/journal/journal.h"

#include <rocksdb/db.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace troupe {
namespace {

// Big-endian, so that RocksDB's order is the numbers' order.
std::string to_key(int64_t number) {
  auto bits = __builtin_bswap64(static_cast<uint64_t>(number));
  return {reinterpret_cast<const char*>(&bits), sizeof(bits)};
}

int64_t to_number(rocksdb::Slice key) {
  uint64_t bits = 0;
  CHECK(key.size() == sizeof(bits), key.size());
  std::memcpy(&bits, key.data(), sizeof(bits));
  return static_cast<int64_t>(__builtin_bswap64(bits));
}

void check_ok(const rocksdb::Status& status, const char* what, const std::string& folder) {
  if (!status.ok())
    throw Error(std::string("cannot ") + what + " the journal " + folder + ": " +
                status.ToString());
}

void replay_all(rocksdb::DB& db, const Journal::Visit& visit) {
  std::unique_ptr<rocksdb::Iterator> at(db.NewIterator({}));
  for (at->SeekToFirst(); at->Valid(); at->Next())
    visit(to_number(at->key()), {at->value().data(), at->value().size()});
  check_ok(at->status(), "read", db.GetName());
}

// RocksDB aborts the process when its own log meets a full disk, so it keeps none.
class NoLog final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options options_of_a_journal() {
  rocksdb::Options options;
  options.info_log = std::make_shared<NoLog>();
  options.write_buffer_size = 8 << 20;  // opening replays at most this much
  options.max_open_files = -1;          // what readers beside a writer need
  return options;
}

std::string make_scratch_folder() {
  auto pattern = (std::filesystem::temp_directory_path() / "troupe-reader-XXXXXX").string();
  bool made = mkdtemp(pattern.data()) != nullptr;
  CHECK(made, pattern);
  return pattern;
}

}  // namespace

Journal::Journal(const std::string& folder) {
  auto options = options_of_a_journal();
  options.create_if_missing = true;
  std::filesystem::create_directories(folder);
  rocksdb::DB* db = nullptr;
  check_ok(rocksdb::DB::Open(options, folder, &db), "open", folder);
  db_.reset(db);
  std::unique_ptr<rocksdb::Iterator> last(db_->NewIterator({}));
  last->SeekToLast();
  if (last->Valid()) num_records_ = to_number(last->key()) + 1;
}

Journal::~Journal() = default;

int64_t Journal::append(std::string_view record, Durability durability) {
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::power_loss;
  check_ok(db_->Put(options, to_key(num_records_), {record.data(), record.size()}), "write",
           db_->GetName());
  return num_records_++;
}

void Journal::replace_last(std::string_view record) {
  CHECK(num_records_ > 0);
  check_ok(db_->Put({}, to_key(num_records_ - 1), {record.data(), record.size()}), "write",
           db_->GetName());
}

void Journal::replay(const Visit& visit) const {
  replay_all(*db_, visit);
}

JournalReader::JournalReader(const std::string& folder) : scratch_folder_(make_scratch_folder()) {
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::OpenAsSecondary(options_of_a_journal(), folder, scratch_folder_, &db);
  if (!status.ok()) std::filesystem::remove_all(scratch_folder_);
  check_ok(status, "open", folder);
  db_.reset(db);
}

JournalReader::~JournalReader() {
  db_.reset();
  std::error_code ignored;  // a scratch folder that stays does no harm
  std::filesystem::remove_all(scratch_folder_, ignored);
}

void JournalReader::replay(const Journal::Visit& visit) const {
  replay_all(*db_, visit);
}

std::optional<std::string> JournalReader::last() const {
  std::optional<std::string> found;
  replay_backwards([&](std::string_view record) {
    found = std::string(record);
    return false;
  });
  return found;
}

std::string JournalReader::at(int64_t number) const {
  std::string record;
  check_ok(db_->Get({}, to_key(number), &record), "read", db_->GetName());
  return record;
}

int64_t JournalReader::num_records() const {
  std::unique_ptr<rocksdb::Iterator> last(db_->NewIterator({}));
  last->SeekToLast();
  check_ok(last->status(), "read", db_->GetName());
  return last->Valid() ? to_number(last->key()) + 1 : 0;
}

void JournalReader::replay_backwards(
    const std::function<bool(std::string_view record)>& visit) const {
  std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
  for (at->SeekToLast(); at->Valid(); at->Prev())
    if (!visit({at->value().data(), at->value().size()})) break;
  check_ok(at->status(), "read", db_->GetName());
}

}  // namespace troupe
