// What templates may call: filters, tests, methods of strings and dicts, global functions.
#pragma once

#include <string>

#include "text/jinja/value.h"

namespace troupe::jinja {

// value|name(arguments). Throws Error on a filter that is not known.
Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments);

// value is name(arguments).
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments);

// The method of that name as a function bound to the object; none if the type has no such method.
Value find_method(const Value& object, const std::string& name);

// range, namespace, dict, raise_exception, strftime_now; undefined if there is none of that name.
Value find_global(const std::string& name);

// The argument at `place` or named `name`; throws where it is missing.
const Value& required(const Arguments& arguments, size_t place, const char* name);
std::string string_argument(const Arguments& arguments, size_t place, const char* name);
int64_t int_argument(const Arguments& arguments, size_t place, const char* name, int64_t otherwise);
bool bool_argument(const Arguments& arguments, size_t place, const char* name, bool otherwise);

}  // namespace troupe::jinja
