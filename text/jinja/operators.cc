#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/utf8.h"

namespace troupe::jinja {
namespace {

[[noreturn]] void fail(const char* op, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  throw Error(std::string("cannot compute ") + a.type_name() + " " + op + " " + b.type_name());
}

bool both_numbers(const Value& a, const Value& b) {
  return a.is_number() && b.is_number();
}
bool any_float(const Value& a, const Value& b) {
  return a.is<double>() || b.is<double>();
}

// By reference: the argument before it is what fills `result`.
Value whole(bool overflow, const int64_t& result) {
  if (overflow) throw Error("an integer is beyond 64 bits");
  return result;
}

void require_nonzero(const Value& b) {
  if (b.to_double() == 0) throw Error("division by zero");
}

bool overflows_division(const Value& a, const Value& b) {
  return b.to_int() == -1 && a.to_int() == std::numeric_limits<int64_t>::min();
}

Value repeat(const Value& sequence, int64_t count) {
  const auto times = static_cast<size_t>(std::max<int64_t>(count, 0));
  if (const std::string* text = sequence.string()) {
    if (times > 0 && text->size() > kLargestText / times) check_text_size(kLargestText + 1);
    std::string result;
    for (size_t i = 0; i < times && !text->empty(); ++i) result += *text;
    return result;
  }
  List result = *sequence.list();
  const auto items = std::move(result.items);
  result.items = {};
  if (times > 0 && items.size() > kLongestList / times) check_list_size(kLongestList + 1);
  for (size_t i = 0; i < times && !items.empty(); ++i)
    result.items.insert(result.items.end(), items.begin(), items.end());
  return result;
}

// Python's indices of a slice of `size` items.
std::vector<size_t> slice_indices(int64_t size, const Value& start, const Value& stop,
                                  const Value& step) {
  const int64_t stride = step.is_none() ? 1 : step.to_int();
  if (stride == 0) throw Error("the step of a slice is 0");
  const bool forward = stride > 0;
  auto bound = [&](const Value& value, int64_t otherwise) {
    if (value.is_none()) return otherwise;
    int64_t index = value.to_int();
    if (index < 0)
      index = index < -size ? -1 : index + size;
    else if (!forward)
      return std::min(index, size - 1);
    return forward ? std::clamp<int64_t>(index, 0, size) : index;
  };
  int64_t at = bound(start, forward ? 0 : size - 1);
  const int64_t end = bound(stop, forward ? size : -1);
  std::vector<size_t> indices;
  while (forward ? at < end : at > end) {
    indices.push_back(static_cast<size_t>(at));
    if (__builtin_add_overflow(at, stride, &at)) break;
  }
  return indices;
}

// The character at an index, or undefined.
Value character(const std::string& text, int64_t index) {
  const auto characters = code_points(text);
  const auto size = static_cast<int64_t>(characters.size());
  if (index < 0) index += size;
  if (index < 0 || index >= size) return Undefined{"a character beyond the string's end"};
  return to_utf8({characters[static_cast<size_t>(index)]});
}

}  // namespace

Value negate(const Value& a) {
  if (a.is<double>()) return -a.to_double();
  int64_t result = 0;
  return whole(__builtin_sub_overflow(int64_t{0}, a.to_int(), &result), result);
}

Value plus(const Value& a) {
  if (a.is<double>()) return a;
  return a.to_int();
}

Value logical_not(const Value& a) {
  return !a.truth();
}

Value add(const Value& a, const Value& b) {
  if (both_numbers(a, b)) {
    if (any_float(a, b)) return a.to_double() + b.to_double();
    int64_t result = 0;
    return whole(__builtin_add_overflow(a.to_int(), b.to_int(), &result), result);
  }
  if (a.string() && b.string()) {
    check_text_size(a.string()->size() + b.string()->size());
    return *a.string() + *b.string();
  }
  if (!a.list() || !b.list() || a.list()->is_tuple != b.list()->is_tuple) fail("+", a, b);
  List result = *a.list();
  result.items.insert(result.items.end(), b.list()->items.begin(), b.list()->items.end());
  return result;
}

Value subtract(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) fail("-", a, b);
  if (any_float(a, b)) return a.to_double() - b.to_double();
  int64_t result = 0;
  return whole(__builtin_sub_overflow(a.to_int(), b.to_int(), &result), result);
}

Value multiply(const Value& a, const Value& b) {
  if ((a.string() || a.list()) && b.is_number()) return repeat(a, b.to_int());
  if ((b.string() || b.list()) && a.is_number()) return repeat(b, a.to_int());
  if (!both_numbers(a, b)) fail("*", a, b);
  if (any_float(a, b)) return a.to_double() * b.to_double();
  int64_t result = 0;
  return whole(__builtin_mul_overflow(a.to_int(), b.to_int(), &result), result);
}

Value divide(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) fail("/", a, b);
  require_nonzero(b);
  return a.to_double() / b.to_double();
}

Value floor_divide(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) fail("//", a, b);
  require_nonzero(b);
  if (any_float(a, b)) return std::floor(a.to_double() / b.to_double());
  const bool overflow = overflows_division(a, b);
  if (overflow) return whole(true, 0);
  const int64_t quotient = a.to_int() / b.to_int();
  const bool rounds_up = a.to_int() % b.to_int() != 0 && (a.to_int() < 0) != (b.to_int() < 0);
  return quotient - (rounds_up ? 1 : 0);
}

Value modulo(const Value& a, const Value& b) {
  if (a.string()) throw Error("formatting strings with % is not supported");
  if (!both_numbers(a, b)) fail("%", a, b);
  require_nonzero(b);
  if (any_float(a, b)) {
    const double rest = std::fmod(a.to_double(), b.to_double());
    return rest != 0 && (rest < 0) != (b.to_double() < 0) ? rest + b.to_double() : rest;
  }
  if (b.to_int() == -1) return int64_t{0};
  const int64_t rest = a.to_int() % b.to_int();
  return rest != 0 && (rest < 0) != (b.to_int() < 0) ? rest + b.to_int() : rest;
}

Value power(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) fail("**", a, b);
  if (any_float(a, b) || b.to_int() < 0) return std::pow(a.to_double(), b.to_double());
  Value result = int64_t{1};
  const int64_t base = a.to_int();
  if (base >= -1 && base <= 1)
    return b.to_int() == 0 || (base == -1 && b.to_int() % 2 == 0) ? int64_t{1} : base;
  for (int64_t i = 0; i < b.to_int(); ++i) result = multiply(result, a);
  return result;
}

bool contains(const Value& container, const Value& item) {
  if (container.string()) {
    if (!item.string()) fail("in", item, container);
    return container.string()->find(*item.string()) != std::string::npos;
  }
  if (container.dict()) return container.dict()->find(item) != nullptr;
  if (container.is_undefined()) return false;
  if (!container.list()) fail("in", item, container);
  const auto& items = container.list()->items;
  return std::any_of(items.begin(), items.end(), [&](const Value& v) { return equal(v, item); });
}

Value subscript(const Value& object, const Value& key) {
  require_defined(object);
  if (object.dict()) {
    const Value* found = object.dict()->find(key);
    return found ? *found : Value(Undefined{"key " + key.repr()});
  }
  const bool is_index = key.is<int64_t>() || key.is<bool>();
  if (object.string() && is_index) return character(*object.string(), key.to_int());
  if (!object.list() || !is_index) return Undefined{object.type_name() + " item " + key.repr()};
  const auto size = static_cast<int64_t>(object.list()->items.size());
  const int64_t index = key.to_int() < 0 ? key.to_int() + size : key.to_int();
  if (index < 0 || index >= size) return Undefined{"list item " + key.repr()};
  return object.list()->items[static_cast<size_t>(index)];
}

Value slice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  require_defined(object);
  if (const std::string* text = object.string()) {
    const auto characters = code_points(*text);
    std::string result;
    for (size_t i : slice_indices(static_cast<int64_t>(characters.size()), start, stop, step))
      append_utf8(result, characters[i]);
    return result;
  }
  if (!object.list()) throw Error("cannot take a slice of " + object.type_name());
  List result;
  result.is_tuple = object.list()->is_tuple;
  const auto& items = object.list()->items;
  for (size_t i : slice_indices(static_cast<int64_t>(items.size()), start, stop, step))
    result.items.push_back(items[i]);
  return result;
}

}  // namespace troupe::jinja
