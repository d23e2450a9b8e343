// Python's operators, as the expressions of a template use them.
#pragma once

#include "text/jinja/value.h"

namespace troupe::jinja {

Value negate(const Value& a);
Value plus(const Value& a);
Value logical_not(const Value& a);
Value add(const Value& a, const Value& b);
Value subtract(const Value& a, const Value& b);
Value multiply(const Value& a, const Value& b);
Value divide(const Value& a, const Value& b);        // always a float
Value floor_divide(const Value& a, const Value& b);  // rounds down
Value modulo(const Value& a, const Value& b);        // has the divisor's sign
Value power(const Value& a, const Value& b);

bool contains(const Value& container, const Value& item);

// object[key], or undefined; negative indices count from the end.
Value subscript(const Value& object, const Value& key);
// object[start:stop:step] of a list or a string; none where a bound is missing.
Value slice(const Value& object, const Value& start, const Value& stop, const Value& step);

}  // namespace troupe::jinja
