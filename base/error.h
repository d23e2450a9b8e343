// Errors that carry their own context.
//
//   CHECK(hidden_size % num_attention_heads == 0, hidden_size, num_attention_heads);
//
// throws an Error that reads
//
//   graph/attention.cc:31: expected hidden_size % num_attention_heads == 0
//     (hidden_size = 10, num_attention_heads = 4)
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

// Thrown for bugs, bad configs and broken hardware: never for an outcome the caller expects.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What the user gave is wrong: arguments, a config file, an input. Ends a command with status 2,
// not 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Runs `body`; an Error leaving it gains one line: "while <what>".
template <class Body>
decltype(auto) with_context(std::string_view what, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const UsageError& e) {
    throw UsageError(std::string(e.what()) + "\n  while " + std::string(what));
  } catch (const Error& e) {
    throw Error(std::string(e.what()) + "\n  while " + std::string(what));
  }
}

namespace detail {

template <class... Values>
std::string describe(std::string_view names, const Values&... values) {
  std::ostringstream out;
  [[maybe_unused]] auto print_one = [&](const auto& value) {
    auto comma = names.find(',');
    out << (out.tellp() == 0 ? " (" : ", ") << names.substr(0, comma) << " = " << value;
    names.remove_prefix(comma == names.npos ? names.size() : comma + 2);
  };
  (print_one(values), ...);
  if constexpr (sizeof...(values) > 0) out << ')';
  return out.str();
}

[[noreturn]] inline void fail(const char* file, int line, std::string_view condition,
                              const std::string& values) {
  std::ostringstream out;
  out << file << ':' << line << ": expected " << condition << values;
  throw Error(out.str());
}

}  // namespace detail

#define CHECK(condition, ...)                                                                      \
  do {                                                                                             \
    if (!(condition))                                                                              \
      ::troupe::detail::fail(__FILE__, __LINE__, #condition,                                       \
                             ::troupe::detail::describe(#__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__)); \
  } while (false)

}  // namespace troupe
