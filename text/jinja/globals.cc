#include <ctime>
#include <map>

#include "text/jinja/library.h"

namespace troupe::jinja {
namespace {

constexpr int64_t kLongestRange = 100'000;  // as in Jinja's sandbox, which HF uses

Value range(const Arguments& arguments) {
  const bool only_stop = arguments.values.size() == 1;
  const int64_t start = only_stop ? 0 : required(arguments, 0, "start").to_int();
  const int64_t stop = required(arguments, only_stop ? 0 : 1, "stop").to_int();
  const int64_t step = int_argument(arguments, 2, "step", 1);
  if (step == 0) throw Error("range: the step is 0");
  List list;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(list.items.size()) == kLongestRange)
      throw Error("range: more than " + std::to_string(kLongestRange) + " numbers");
    list.items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return list;
}

Dict named_items(const Arguments& arguments) {
  Dict dict;
  if (!arguments.values.empty()) {
    if (!arguments.values[0].dict()) throw Error("namespace and dict take names or one dict");
    dict.items = arguments.values[0].dict()->items;
  }
  for (const auto& [name, value] : arguments.named) dict.set(name, value);
  return dict;
}

Value make_namespace(const Arguments& arguments) {
  Dict dict = named_items(arguments);
  dict.is_namespace = true;
  return dict;
}

Value make_dict(const Arguments& arguments) {
  return named_items(arguments);
}

Value raise_exception(const Arguments& arguments) {
  throw Error("the template refuses: " + required(arguments, 0, "message").str());
}

Value strftime_now(const Arguments& arguments) {
  const std::string format = string_argument(arguments, 0, "format");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  if (format.size() > 256) throw Error("strftime_now: the format is longer than 256 characters");
  char buffer[4096];
  return std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &local));
}

}  // namespace

Value find_global(const std::string& name) {
  static const std::map<std::string, Value (*)(const Arguments&)> kFunctions = {
      {"range", range},
      {"namespace", make_namespace},
      {"dict", make_dict},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now}};
  const auto found = kFunctions.find(name);
  if (found == kFunctions.end()) return Undefined{"'" + name + "'"};
  return Function{name, found->second};
}

}  // namespace troupe::jinja
