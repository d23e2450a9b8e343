#include "graph/parallel/schedule_csv.h"

#include <charconv>

#include "base/error.h"

namespace troupe {
namespace {

constexpr std::string_view kLetters = "FBIW";  // in the order of Work

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool parse(std::string_view cell, Instruction& instruction) {
  const auto work = cell.empty() ? kLetters.npos : kLetters.find(cell[0]);
  if (work == kLetters.npos) return false;
  instruction.work = static_cast<Work>(work);
  cell.remove_prefix(1);
  if (!take_number(cell, instruction.micro_batch)) return false;
  if (cell.empty()) return true;
  if (cell[0] != '.') return false;
  cell.remove_prefix(1);
  return take_number(cell, instruction.chunk) && cell.empty();
}

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return part;
}

RankProgram parse_row(std::string_view row, size_t number) {
  RankProgram program;
  while (!row.empty()) {
    const auto cell = take_until(row, ',');
    Instruction instruction;
    if (!parse(cell, instruction))
      throw Error("row " + std::to_string(number) + ", column " +
                  std::to_string(program.size() + 1) + ": \"" + std::string(cell) +
                  "\" is no instruction such as F3, B3, I3, W3 or F3.1");
    program.push_back(instruction);
  }
  return program;
}

}  // namespace

std::string to_csv(const ScheduleTable& table) {
  std::string text;
  for (const auto& program : table) {
    for (size_t i = 0; i < program.size(); ++i) text += (i == 0 ? "" : ",") + to_string(program[i]);
    text += "\n";
  }
  return text;
}

ScheduleTable table_from_csv(std::string_view text) {
  ScheduleTable table;
  while (!text.empty()) {
    auto row = take_until(text, '\n');
    if (row.ends_with('\r')) row.remove_suffix(1);
    table.push_back(parse_row(row, table.size() + 1));
  }
  return table;
}

}  // namespace troupe
