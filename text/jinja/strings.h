// Python's string helpers that templates rely on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::jinja {

bool is_python_space(char32_t code_point);

// Without `characters`: white space.
std::string_view strip_left(std::string_view text, std::optional<std::string_view> characters = {});
std::string_view strip_right(std::string_view text,
                             std::optional<std::string_view> characters = {});

// At most `count` of them where count is not negative.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t count = -1);

// split(): by runs of white space where no separator is given; at most `count` cuts from the left,
// or from the right.
std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator,
                               int64_t count);
std::vector<std::string> split_from_right(std::string_view text,
                                          std::optional<std::string_view> separator, int64_t count);
std::vector<std::string> split_lines(std::string_view text);

std::string capitalize(std::string_view text);
std::string title(std::string_view text);

}  // namespace troupe::jinja
