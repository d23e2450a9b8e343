#include "storage/journal/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace troupe {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    folder = std::string(mkdtemp(pattern.data())) + "/journal";
  }
  ~JournalTest() override {
    std::filesystem::remove_all(std::filesystem::path(folder).parent_path());
  }

  template <class Source>
  std::vector<std::string> records_of(const Source& source) {
    std::vector<std::string> records;
    source.replay([&](int64_t number, std::string_view record) {
      EXPECT_EQ(number, static_cast<int64_t>(records.size()));
      records.emplace_back(record);
    });
    return records;
  }

  static constexpr auto kFast = Journal::Durability::process_crash;
  std::string folder;
};

TEST_F(JournalTest, ReplaysInOrderAndGoesOnAfterAReopening) {
  std::vector<std::string> expected;
  for (int round = 0; round < 2; ++round) {
    Journal journal(folder);
    for (int i = 0; i < 300; ++i) {  // past one byte's worth of numbers
      expected.push_back("record " + std::to_string(round) + " " + std::to_string(i));
      EXPECT_EQ(journal.append(expected.back(), kFast), static_cast<int64_t>(expected.size()) - 1);
    }
  }
  EXPECT_EQ(records_of(Journal(folder)), expected);
}

TEST_F(JournalTest, AReaderSeesALiveWritersRecords) {
  Journal journal(folder);
  journal.append("first", kFast);
  journal.append("second", Journal::Durability::power_loss);
  JournalReader reader(folder);
  EXPECT_EQ(records_of(reader), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(reader.last(), "second");
}

TEST_F(JournalTest, TheLastRecordCanBeBroughtUpToDate) {
  Journal journal(folder);
  journal.append("first", kFast);
  journal.append("second", kFast);
  journal.replace_last("second, later");
  EXPECT_EQ(records_of(journal), (std::vector<std::string>{"first", "second, later"}));
}

TEST_F(JournalTest, OnlyOneWritesAndAReaderNeedsAJournal) {
  EXPECT_THROW(JournalReader{folder}, Error);
  Journal journal(folder);
  EXPECT_THROW(Journal{folder}, Error);
}

// No file of this process grows past so many bytes while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

TEST_F(JournalTest, ADiskThatTakesNoMoreIsToldAndKeepsWhatWasWritten) {
  {
    Journal journal(folder);
    journal.append("kept", Journal::Durability::power_loss);
    const FileSizeLimit limit(4096);
    try {
      journal.append(std::string(5000, 'x'), kFast);
      ADD_FAILURE() << "5000 bytes fit into 4096";
    } catch (const Error& e) {
      EXPECT_THAT(e.what(),
                  testing::StartsWith("cannot write the journal " + folder + ": IO error"));
    }
    EXPECT_THROW(journal.append("later", kFast), Error);
  }
  EXPECT_EQ(JournalReader(folder).last(), "kept");
}

TEST_F(JournalTest, EachRecordIsFoundByItsNumber) {
  Journal journal(folder);
  for (const char* record : {"a", "b", "c"}) journal.append(record, kFast);
  JournalReader reader(folder);
  EXPECT_EQ(reader.num_records(), 3);
  EXPECT_EQ(reader.at(1), "b");
  EXPECT_THROW(reader.at(3), Error);
}

}  // namespace
}  // namespace troupe
