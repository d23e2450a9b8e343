// Prints the texts of rows that are generated at the same time one after another: the first that
// isn't done as its tokens come, the others when it is their turn.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace troupe {

class RowPrinter {
 public:
  RowPrinter(const Tokenizer& tokenizer, size_t num_rows, std::ostream& out);

  // Whole characters only; special tokens and ids that the tokenizer lacks show as nothing.
  void push(size_t row, int32_t id);
  void finish(size_t row);  // ends its text with a line end

 private:
  void print();

  struct Row {
    StreamDecoder decoder;
    std::string text;  // not yet printed
    bool done = false;
  };
  const Tokenizer& tokenizer_;
  std::vector<Row> rows_;
  size_t current_ = 0;
  std::ostream& out_;
};

}  // namespace troupe
