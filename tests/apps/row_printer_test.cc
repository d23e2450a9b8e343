#include "apps/row_printer.h"

#include <gtest/gtest.h>

#include <sstream>

#include "text/byte_tokenizer.h"

namespace troupe {
namespace {

TEST(RowPrinterTest, PrintsTheFirstUnfinishedRowAtOnceAndTheOthersAfterIt) {
  const Tokenizer tokenizer(byte_tokenizer_spec('\n'));
  std::ostringstream out;
  RowPrinter printer(tokenizer, 3, out);
  printer.push(1, 'x');
  EXPECT_EQ(out.str(), "");
  printer.push(0, 'a');
  EXPECT_EQ(out.str(), "a");
  printer.finish(1);
  printer.push(0, 'b');
  EXPECT_EQ(out.str(), "ab");
  printer.finish(0);
  EXPECT_EQ(out.str(), "ab\nx\n");
  printer.push(2, 'z');
  printer.finish(2);
  EXPECT_EQ(out.str(), "ab\nx\nz\n");
}

TEST(RowPrinterTest, HoldsBackTheBeginningOfACharacter) {
  const Tokenizer tokenizer(byte_tokenizer_spec('\n'));
  std::ostringstream out;
  RowPrinter printer(tokenizer, 1, out);
  printer.push(0, 0xC3);
  EXPECT_EQ(out.str(), "");
  printer.push(0, 0xA9);
  EXPECT_EQ(out.str(), "\u00e9");
  printer.push(0, 0xC3);
  printer.push(0, 1000);
  printer.finish(0);
  EXPECT_EQ(out.str(), "\u00e9\ufffd\n");
}

}  // namespace
}  // namespace troupe
