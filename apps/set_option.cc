#include "apps/set_option.h"

#include <CLI/CLI.hpp>

namespace troupe {
namespace {

// "key.path=..."; a file's name may hold a '=' too, but behind a '/'.
bool is_assignment(const std::string& word) {
  constexpr const char* kKey = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  const auto end = word.find_first_not_of(kKey);
  return end != word.npos && end > 0 && word[end] == '=';
}

}  // namespace

void add_set_option(CLI::App& command, std::vector<std::string>& set) {
  command
      .add_option("--set", set,
                  "key.path=value [key.path=value ...], instead of what the file says")
      ->take_all()
      ->allow_extra_args(false);
}

std::vector<std::string> one_assignment_each(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  bool after_assignment = false;
  for (const auto& word : words) {
    const bool is_first = !out.empty() && out.back() == "--set";
    after_assignment = is_first || (after_assignment && is_assignment(word));
    if (after_assignment && !is_first) out.push_back("--set");
    out.push_back(word);
  }
  return out;
}

}  // namespace troupe
