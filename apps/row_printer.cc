#include "apps/row_printer.h"

namespace troupe {

RowPrinter::RowPrinter(const Tokenizer& tokenizer, size_t num_rows, std::ostream& out)
    : tokenizer_(tokenizer), rows_(num_rows, Row{StreamDecoder(tokenizer, true), {}}), out_(out) {}

void RowPrinter::push(size_t row, int32_t id) {
  if (id >= tokenizer_.vocab_size()) return;
  rows_.at(row).text += rows_.at(row).decoder.push(id);
  print();
}

void RowPrinter::finish(size_t row) {
  rows_.at(row).text += rows_.at(row).decoder.finish() + "\n";
  rows_.at(row).done = true;
  print();
}

void RowPrinter::print() {
  for (bool next = true; next && current_ < rows_.size(); current_ += next) {
    out_ << rows_[current_].text << std::flush;
    rows_[current_].text.clear();
    next = rows_[current_].done;
  }
}

}  // namespace troupe
