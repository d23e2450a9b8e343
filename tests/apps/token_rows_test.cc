#include "apps/token_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kVocab = 10;

std::string rows_error(const json& file) {
  return error_of([&] { token_rows(file, kVocab); });
}
std::string packs_error(const json& file) {
  return error_of([&] { labelled_packs(file, kVocab); });
}

TEST(TokenRowsTest, ReadsRowsOfDifferentLengths) {
  EXPECT_EQ(token_rows({{"tokens", {{1, 2, 9}, {0}}}}, kVocab), (TokenRows{{1, 2, 9}, {0}}));
}

TEST(TokenRowsTest, NamesRowPositionIdAndVocabulary) {
  const auto message = rows_error({{"tokens", {{1}, {2, 10}}}});
  EXPECT_EQ(message, "row 1, position 1: token id 10 is outside the model's vocabulary of 10");
  EXPECT_THAT(rows_error({{"tokens", {{-1}}}}), HasSubstr("token id -1"));
}

TEST(TokenRowsTest, RefusesWhatIsNoListOfRowsOfIds) {
  EXPECT_THAT(rows_error({{"tokens", json::array()}}), HasSubstr("isn't empty"));
  EXPECT_THAT(rows_error({{"tokens", {{1}, json::array()}}}), HasSubstr("row 1: expected"));
  EXPECT_THAT(rows_error({{"tokens", {1, 2}}}), HasSubstr("row 0: expected"));
  EXPECT_THAT(rows_error({{"tokens", {{1.5}}}}), HasSubstr("found 1.5"));
  EXPECT_THAT(rows_error({{"tokens", {{true}}}}), HasSubstr("found true"));
  EXPECT_THAT(rows_error({{"tokens", {{18446744073709551615u}}}}),
              HasSubstr("expected an integer"));
  EXPECT_THAT(rows_error({{"ids", {1}}}), HasSubstr("expected {\"tokens\""));
  EXPECT_THAT(rows_error(json::array({1})), HasSubstr("expected {\"tokens\""));
}

TEST(TokenRowsTest, NamesTheFileThatIsNoJsonOrNotThere) {
  const TemporaryFolder folder;
  rewrite(folder / "broken.json", "{\"tokens\": [[1, ");
  EXPECT_THROW(read_token_rows(folder / "broken.json", kVocab), UsageError);
  EXPECT_THAT(error_of([&] { read_token_rows(folder / "broken.json", kVocab); }),
              HasSubstr("broken.json: not valid JSON"));
  EXPECT_THROW(read_labelled_packs(folder / "none.json", kVocab), UsageError);
  EXPECT_THAT(error_of([&] { read_labelled_packs(folder / "none.json", kVocab); }),
              HasSubstr("none.json"));
}

TEST(LabelledPacksTest, CutsARowIntoItsDocuments) {
  const json row = {{"ids", {1, 2, 3, 4}},
                    {"positions", {0, 1, 0, 1}},
                    {"document", {7, 7, 8, 8}},
                    {"labels", {2, -100, 4, -100}}};
  const auto packs = labelled_packs(row, kVocab);
  ASSERT_EQ(packs.size(), 1u);
  EXPECT_THAT(packs[0].pack.token_ids, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(packs[0].pack.positions, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(packs[0].pack.sequence_starts, ElementsAre(0, 2, 4));
  EXPECT_THAT(packs[0].targets, ElementsAre(2, -1, 4, -1));
}

TEST(LabelledPacksTest, LabelsAreTheNextIdsOfTheDocumentWhereNoneAreGiven) {
  const json row = {{"ids", {1, 2, 3, 4}}, {"document", {0, 0, 1, 1}}};
  EXPECT_THAT(labelled_packs(row, kVocab)[0].targets, ElementsAre(2, -1, 4, -1));
  const auto packs = labelled_packs({{"tokens", {{5, 6}, {7, 8, 9}}}}, kVocab);
  EXPECT_THAT(packs.at(0).targets, ElementsAre(6, -1));
  EXPECT_THAT(packs.at(1).targets, ElementsAre(8, 9, -1));
}

TEST(LabelledPacksTest, ReadsOneRowAListAndAListWithAName) {
  const json row = {{"ids", {1, 2}}};
  EXPECT_EQ(labelled_packs(row, kVocab).size(), 1u);
  EXPECT_EQ(labelled_packs({row, row}, kVocab).size(), 2u);
  EXPECT_EQ(labelled_packs({{"rows", {row, row, row}}}, kVocab).size(), 3u);
  EXPECT_EQ(labelled_packs({{"batches", {row}}}, kVocab).size(), 1u);
}

TEST(LabelledPacksTest, NamesTheColumnAndPlaceThatIsWrong) {
  json row = {{"ids", {1, 2, 3}}, {"positions", {0, 1, 3}}};
  EXPECT_THAT(packs_error(row), HasSubstr("row 0, positions, position 2: found 3, expected 2"));
  row = {{"ids", {1, 2, 3}}, {"labels", {2, 3}}};
  EXPECT_THAT(packs_error(row), HasSubstr("row 0, labels: has 2 values for 3 ids"));
  row["labels"] = {2, 3, 10};
  EXPECT_THAT(packs_error(row), HasSubstr("labels, position 2: token id 10"));
  row["labels"] = {-100, -100, -100};
  EXPECT_THAT(packs_error(row), HasSubstr("no token of any row has a label"));
  EXPECT_THAT(packs_error({{"rows", {{{"labels", {1}}}}}}), HasSubstr("object with \"ids\""));
  EXPECT_THAT(packs_error(json::array()), HasSubstr("isn't empty"));
}

}  // namespace
}  // namespace troupe
