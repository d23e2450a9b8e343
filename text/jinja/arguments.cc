#include "text/jinja/library.h"

namespace troupe::jinja {

const Value& required(const Arguments& arguments, size_t place, const char* name) {
  const Value* value = arguments.find(place, name);
  if (value == nullptr) throw Error(std::string("missing argument '") + name + "'");
  return *value;
}

std::string string_argument(const Arguments& arguments, size_t place, const char* name) {
  const Value& value = required(arguments, place, name);
  require_defined(value);
  if (!value.string())
    throw Error(std::string("argument '") + name + "' is a " + value.type_name() +
                ", expected a string");
  return *value.string();
}

int64_t int_argument(const Arguments& arguments, size_t place, const char* name,
                     int64_t otherwise) {
  const Value* value = arguments.find(place, name);
  return value == nullptr || value->is_none() ? otherwise : value->to_int();
}

bool bool_argument(const Arguments& arguments, size_t place, const char* name, bool otherwise) {
  const Value* value = arguments.find(place, name);
  return value == nullptr ? otherwise : value->truth();
}

}  // namespace troupe::jinja
